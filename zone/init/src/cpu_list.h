#ifndef CPU_LIST_H
#define CPU_LIST_H

#include <stdbool.h>

/* The kernel's way to write down CPUs: "0-3,6". */

/* Takes the first number off `list`, which is left at what follows; false when there is none. Begin with `range` zeroed. */
struct cpu_range {
  unsigned next, last;
  bool open;
};
bool cpu_list_next(const char **list, struct cpu_range *range, unsigned *cpu);

#endif
