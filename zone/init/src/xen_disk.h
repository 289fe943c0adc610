#ifndef XEN_DISK_H
#define XEN_DISK_H

#include <stdbool.h>

enum { xen_disk_serial_bytes = 21 };

/* The serial of disk `name` of `block_folder` (/sys/block), which has to be one of Xen's: the host keeps it at
 * protect/disks/<number of the virtual device> in the zone's part of xenstore. False when it has none of 1 to 20
 * printable characters. */
bool xen_disk_serial(const char *block_folder, const char *name, char out[xen_disk_serial_bytes]);

#endif
