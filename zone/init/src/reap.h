#ifndef REAP_H
#define REAP_H

#include <stdbool.h>
#include <sys/types.h>

#include "idm.pb.h"
#include "loop.h"

/* Every process that loses its parent ends up with init; those that somebody waits for are told apart by pid. */

struct child {
  pid_t pid;
  bool watched;
  int status;
  void (*ended)(struct child *child, int status);
  struct child *next;
  struct timer late;
};

/* Takes SIGCHLD; false when the kernel refuses. */
bool reap_start(void);

/* Calls `ended` with waitpid's status, from the loop, also when the process has ended before this call. */
void child_watch(struct child *child, pid_t pid, void (*ended)(struct child *, int));
void child_forget(struct child *child);

/* Reaps what has ended by now. */
void reap(void);

/* waitpid's status in IDM's terms, with the time of this moment. */
idm_ProcessExit process_exit(int status);

#endif
