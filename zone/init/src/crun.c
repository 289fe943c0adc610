#include "crun.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bounds.h"
#include "files.h"
#include "spawn.h"

static char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};

static void timed_out(struct timer *timer) {
  struct crun *crun = owner_of(timer, struct crun, timeout);
  crun->timed_out = true;
  kill(crun->child.pid, SIGKILL);
}

/* The last lines of crun's log, as one line. */
static void read_error(const char *log, int status, char *out, size_t capacity) {
  char text[2048];
  ssize_t size = file_read(log, text, sizeof text);
  while (size > 0 && text[size - 1] <= ' ') text[--size] = 0;
  if (size <= 0) {
    snprintf(out, capacity, "crun ended with %s %d and no message", WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return;
  }
  for (char *at = text; *at; at++)
    if (*at == '\n') *at = ' ';
  size_t skip = (size_t)size >= capacity ? (size_t)size - capacity + 1 : 0;
  snprintf(out, capacity, "%s", text + skip);
}

static void ended(struct child *child, int status) {
  struct crun *crun = owner_of(child, struct crun, child);
  char error[512];
  timer_clear(&crun->timeout);
  bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  if (failed && crun->timed_out)
    snprintf(error, sizeof error, "crun did not end within %d s", crun_timeout_ms / 1000);
  else if (failed)
    read_error(crun->log, status, error, sizeof error);
  unlink(crun->log);
  crun->done(crun, failed ? error : NULL);
}

bool crun_run(struct crun *crun, const char *log, const char *const *arguments, const int stdio[3],
              void (*done)(struct crun *, const char *)) {
  enum { own = 4, limit = 16 };
  char log_option[sizeof crun->log + 8];
  snprintf(crun->log, sizeof crun->log, "%s", log);
  snprintf(log_option, sizeof log_option, "--log=%s", crun->log);
  char *argv[own + limit + 1] = {"crun", "--root=/run/crun", "--cgroup-manager=cgroupfs", log_option};
  for (int i = 0; i < limit && arguments[i]; i++) argv[own + i] = (char *)arguments[i];
  const struct spawn wanted = {
      .arguments = argv,
      .environment = environment,
      .stdio = {stdio[0], stdio[1], stdio[2]},
      .oom_score_adj = crun->oom_score_adj[0] ? crun->oom_score_adj : NULL};
  unlink(crun->log);
  pid_t pid = spawn(&wanted);
  if (pid < 0) return false;
  crun->done = done;
  crun->timed_out = false;
  child_watch(&crun->child, pid, ended);
  timer_set(&crun->timeout, crun_timeout_ms, timed_out);
  return true;
}

pid_t crun_pid(const char *path) {
  char text[32];
  if (!file_read_line(path, text, sizeof text)) return 0;
  long pid = strtol(text, NULL, 10);
  return pid > 1 ? (pid_t)pid : 0;
}
