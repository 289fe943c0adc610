#ifndef DISKS_H
#define DISKS_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

/* Disks by serial: their letters depend on the order of arrival. */

enum { disk_path_bytes = 64, disk_serial_bytes = 64 };

/* The node in /dev of the disk with this serial, into `path`; false while there is none. */
bool disk_find(const char *serial, char *path);

/* Adds the serials of all disks to `list`; they stay valid until the next call. */
void disks_list(struct slice_list_large *list);

#endif
