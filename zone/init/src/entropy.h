#ifndef ENTROPY_H
#define ENTROPY_H

#include <stdbool.h>

#include "slice.h"

enum { entropy_min_bytes = 32, entropy_max_bytes = 512 };

/* Mixes a seed into the kernel's pool and credits it in full: the host is the one who can know. False with errno; an
 * empty seed is none. */
bool entropy_add(struct slice seed);

#endif
