#ifndef HYPERVISOR_H
#define HYPERVISOR_H

#include <stdbool.h>

/* True on Xen, false on QEMU; needs /sys. */
bool hypervisor_is_xen(void);

#endif
