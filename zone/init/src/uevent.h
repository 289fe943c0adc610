#ifndef UEVENT_H
#define UEVENT_H

#include <stdbool.h>

/* Listens to the kernel's device events and calls `changed` after each batch; false when the kernel refuses. */
bool uevent_start(void (*changed)(void));

#endif
