#include "cpu_list.h"

#include <stdio.h>
#include <string.h>

#include "check.h"

/* The numbers of a list, each with a space behind it. */
static const char *numbers(const char *list) {
  static char out[256];
  struct cpu_range range = {0};
  unsigned cpu;
  size_t used = 0;
  out[0] = 0;
  while (used < sizeof out - 16 && cpu_list_next(&list, &range, &cpu))
    used += (size_t)snprintf(out + used, sizeof out - used, "%u ", cpu);
  return out;
}

static void reads_lists(void) {
  CHECK(strcmp(numbers("0"), "0 ") == 0);
  CHECK(strcmp(numbers("0-3"), "0 1 2 3 ") == 0);
  CHECK(strcmp(numbers("0,2-3,7"), "0 2 3 7 ") == 0);
}

static void ends_at_what_is_no_list(void) {
  CHECK(strcmp(numbers(""), "") == 0);
  CHECK(strcmp(numbers("none"), "") == 0);
  CHECK(strcmp(numbers("0,x"), "0 ") == 0);
  CHECK(strcmp(numbers("3-1"), "") == 0);
  CHECK(strcmp(numbers("0-99999999999999999999"), "") == 0);
  CHECK(strcmp(numbers("-1"), "") == 0);
}

const struct test cpu_list_tests[] = {{"reads the kernel's lists of CPUs", reads_lists},
                                      {"ends at what is no list", ends_at_what_is_no_list},
                                      {0}};
