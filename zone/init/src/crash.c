#include "crash.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "log.h"

static _Alignas(16) char stack[16384];

static void crashed(int signal_number) {
  log_line("fault: signal %d", signal_number);
  /* The kernel panics without its first process, which is how the hypervisor tells a fault from a power-off. */
  _exit(128 + signal_number);
}

void crash_start(void) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_handler = crashed, .sa_flags = SA_ONSTACK | SA_RESETHAND};
  sigaltstack(&alternate, NULL);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigaction(faults[i], &action, NULL);
}
