#include "hypervisor.h"

#include <string.h>

#include "files.h"

bool hypervisor_is_xen(void) {
  static enum { unknown, xen, other } found;
  char type[16];
  if (found == unknown)
    found = file_read_line("/sys/hypervisor/type", type, sizeof type) && strcmp(type, "xen") == 0 ? xen : other;
  return found == xen;
}
