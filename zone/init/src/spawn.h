#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "reap.h"

struct spawn {
  /* argv[0] is looked up on the PATH of `environment`. */
  char *const *arguments;
  char *const *environment;
  /* NULL: the root. */
  const char *folder;
  /* -1: /dev/null. */
  int stdio[3];
  /* stdio[0] becomes the controlling terminal. */
  bool terminal;
  /* NULL: 0. */
  const char *oom_score_adj;
};

/* Starts a program in a session of its own; -1 with errno, which is exec's when the program cannot be run. */
pid_t spawn(const struct spawn *spawn);

/* Runs `task` in a process of its own, for work that may take long; false when none can be made. */
bool spawn_task(struct child *child, void (*task)(const char *argument), const char *argument,
                void (*ended)(struct child *, int));

/* The session of a process; 0 when it is gone. */
pid_t session_of(pid_t pid);
/* Kills all processes of a session. */
void kill_session(pid_t session);

#endif
