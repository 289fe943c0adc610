#include "reap.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"

static struct child *children;
static struct watch signal_watch;

/* A detached command may end before its pid file is read. */
static struct {
  pid_t pid;
  int status;
} unclaimed[unclaimed_exit_limit];
static unsigned next_unclaimed;

static bool take(struct child *child) {
  for (struct child **link = &children; *link; link = &(*link)->next) {
    if (*link != child) continue;
    *link = child->next;
    return true;
  }
  return false;
}

void child_forget(struct child *child) {
  if (!child->watched) return;
  take(child);
  timer_clear(&child->late);
  child->watched = false;
}

static void fire_late(struct timer *timer) {
  struct child *child = owner_of(timer, struct child, late);
  child->watched = false;
  child->ended(child, child->status);
}

void child_watch(struct child *child, pid_t pid, void (*ended)(struct child *, int)) {
  child_forget(child);
  child->pid = pid;
  child->ended = ended;
  child->watched = true;
  for (unsigned i = 0; i < unclaimed_exit_limit; i++) {
    if (unclaimed[i].pid != pid) continue;
    unclaimed[i].pid = 0;
    /* A pid that exists is a newer process, with the number of the one that ended. */
    if (kill(pid, 0) == 0) continue;
    child->status = unclaimed[i].status;
    timer_set(&child->late, 0, fire_late);
    return;
  }
  child->next = children;
  children = child;
}

static void ended(pid_t pid, int status) {
  for (struct child *child = children; child; child = child->next) {
    if (child->pid != pid) continue;
    take(child);
    child->watched = false;
    child->ended(child, status);
    return;
  }
  unclaimed[next_unclaimed].pid = pid;
  unclaimed[next_unclaimed].status = status;
  next_unclaimed = (next_unclaimed + 1) % unclaimed_exit_limit;
}

void reap(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) ended(pid, status);
}

static void signalled(struct watch *watch, uint32_t events) {
  (void)events;
  struct signalfd_siginfo info[8];
  while (read(watch->fd, info, sizeof info) > 0) continue;
  reap();
}

bool reap_start(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  return fd >= 0 && watch_add(&signal_watch, fd, EPOLLIN, signalled);
}

idm_ProcessExit process_exit(int status) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  idm_ProcessExit exit = {.at_unix_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec};
  if (WIFSIGNALED(status)) {
    exit.signal = (uint32_t)WTERMSIG(status);
    exit.code = 128 + WTERMSIG(status);
  } else {
    exit.code = WEXITSTATUS(status);
  }
  return exit;
}
