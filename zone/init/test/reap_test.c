#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "reap.h"

static int ended_status;
static unsigned ended_count;

static void ended(struct child *child, int status) {
  ended_status = status;
  ended_count++;
}

static void start(void) {
  static bool started;
  sigset_t set;
  ended_count = 0;
  if (started) return;
  started = true;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_BLOCK, &set, NULL);
  CHECK(loop_start() && reap_start());
}

static pid_t child_that_exits(int code) {
  pid_t pid = fork();
  if (pid == 0) _exit(code);
  CHECK(pid > 0);
  return pid;
}

static void wait_for_end(void) {
  for (int i = 0; i < 2000 && ended_count == 0; i++) loop_turn(5);
  CHECK(ended_count == 1);
}

static void watched(void) {
  static struct child child;
  start();
  child_watch(&child, child_that_exits(7), ended);
  wait_for_end();
  idm_ProcessExit how = process_exit(ended_status);
  CHECK(how.code == 7 && how.signal == 0 && how.at_unix_ns > 0);
}

static void killed(void) {
  static struct child child;
  start();
  pid_t pid = fork();
  if (pid == 0) pause();
  child_watch(&child, pid, ended);
  kill(pid, SIGKILL);
  wait_for_end();
  idm_ProcessExit how = process_exit(ended_status);
  CHECK(how.code == 128 + SIGKILL && how.signal == SIGKILL);
}

static void late(void) {
  static struct child child;
  start();
  pid_t pid = child_that_exits(3);
  siginfo_t info;
  CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
  reap();
  child_watch(&child, pid, ended);
  CHECK(ended_count == 0);
  wait_for_end();
  CHECK(WEXITSTATUS(ended_status) == 3);
}

static void many(void) {
  static struct child children[300];
  start();
  for (int i = 0; i < 300; i++) child_watch(&children[i], child_that_exits(i % 200), ended);
  for (int i = 0; i < 2000 && ended_count < 300; i++) loop_turn(5);
  CHECK(ended_count == 300);
}

const struct test reap_tests[] = {
    {"a child's exit is reported with its code", watched},
    {"a child killed by a signal is reported as 128 and the signal", killed},
    {"an exit before its watcher is kept for it", late},
    {"three hundred exits at once are all reported", many},
    {0},
};
