#include "shutdown.h"

#include <linux/reboot.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "log.h"
#include "loop.h"
#include "reap.h"
#include "workloads.h"

enum { check_ms = 20, kill_grace_ms = 2000 };

static struct timer timer;
static struct reply answer;
static uint64_t kill_at_ms, power_off_at_ms;
static bool active, killed;

static _Noreturn void power_off(void) {
  reboot(RB_POWER_OFF);
  /* Without a way to power off the machine waits for the host to end it. */
  for (;;) pause();
}

static bool processes_left(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void finish(void) {
  log_line("power off");
  reply_done(&answer);
  idm_flush(1000);
  sync();
  umount2("/scratch", 0);
  sync();
  power_off();
}

/* Children end one by one and the kernel tells only of each: looked at a few times a second until none is left. */
static void check(struct timer *fired) {
  (void)fired;
  reap();
  uint64_t now = now_ms();
  bool idle = workloads_signal_all(0) == 0 && (killed || !processes_left());
  if (!killed && (idle || now >= kill_at_ms)) {
    killed = true;
    cgroup_kill_all();
    kill(-1, SIGKILL);
    power_off_at_ms = now + kill_grace_ms;
  }
  if (killed && (!processes_left() || now >= power_off_at_ms)) finish();
  timer_set(&timer, check_ms, check);
}

void shutdown_zone(uint32_t grace_ms, const struct reply *reply) {
  answer = *reply;
  if (active) return;
  active = true;
  kill_at_ms = now_ms() + grace_ms;
  workloads_signal_all(SIGTERM);
  kill(-1, SIGTERM);
  check(&timer);
}
