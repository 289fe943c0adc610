#include "clock.h"

#include <time.h>

bool clock_set(uint64_t unix_ns) {
  const struct timespec time = {.tv_sec = (time_t)(unix_ns / 1000000000u), .tv_nsec = (long)(unix_ns % 1000000000u)};
  return unix_ns == 0 || clock_settime(CLOCK_REALTIME, &time) == 0;
}
