#ifndef CRUN_H
#define CRUN_H

#include <stdbool.h>

#include "loop.h"
#include "reap.h"

/* One run of the container runtime. */
struct crun {
  struct child child;
  struct timer timeout;
  char log[128];
  /* What its processes start with; empty for 0. */
  char oom_score_adj[8];
  bool timed_out;
  /* `error` is NULL after success, otherwise the end of what crun said. */
  void (*done)(struct crun *crun, const char *error);
};

/* Runs `crun arguments…` (at most 16, NULL behind the last); `log` is the file for its messages. When it cannot be
 * started, false with errno, and `done` is not called. */
bool crun_run(struct crun *crun, const char *log, const char *const *arguments, const int stdio[3],
              void (*done)(struct crun *, const char *));

/* Reads the pid that crun wrote to `path`; 0 when there is none. */
pid_t crun_pid(const char *path);

#endif
