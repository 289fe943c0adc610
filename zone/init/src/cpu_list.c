#include "cpu_list.h"

#include <stdlib.h>

/* More than any kernel knows. */
enum { cpu_limit = 65536 };

static bool number(const char **list, unsigned *out) {
  if (**list < '0' || **list > '9') return false;
  char *end;
  unsigned long value = strtoul(*list, &end, 10);
  *list = end;
  *out = (unsigned)value;
  return value < cpu_limit;
}

bool cpu_list_next(const char **list, struct cpu_range *range, unsigned *cpu) {
  if (!range->open) {
    if (**list == ',') ++*list;
    if (!number(list, &range->next)) return false;
    range->last = range->next;
    if (**list == '-') {
      ++*list;
      if (!number(list, &range->last) || range->last < range->next) return false;
    }
    range->open = true;
  }
  *cpu = range->next++;
  range->open = range->next <= range->last;
  return true;
}
