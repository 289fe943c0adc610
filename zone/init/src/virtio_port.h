#ifndef VIRTIO_PORT_H
#define VIRTIO_PORT_H

#include "carrier.h"

/* Opens the virtio-serial port of the given name; NULL while the kernel shows none or its node is missing. At most one
 * is open at a time. */
struct carrier *virtio_port_open(const char *name);

#endif
