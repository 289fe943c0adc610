#ifndef CLOCK_H
#define CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Steps the wall clock; 0 leaves it. False with errno. */
bool clock_set(uint64_t unix_ns);

#endif
