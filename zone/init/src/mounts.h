#ifndef MOUNTS_H
#define MOUNTS_H

#include <stdbool.h>

/* Mounts /proc, /sys, /dev and what belongs there. */
void mounts_make(void);

/* Copies the initramfs to a tmpfs of limited size and makes it the root: crun's pivot_root cannot leave an initramfs.
 * False with errno; the old root is still there then. */
bool mounts_leave_initramfs(void);

#endif
