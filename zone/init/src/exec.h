#ifndef EXEC_H
#define EXEC_H

#include "console.h"
#include "crun.h"
#include "input.h"
#include "streams.h"

/* Commands that the host runs in the zone or in a workload: what both have in common is in exec.c. */

enum exec_step { exec_free, exec_starting, exec_running, exec_failed };

struct exec_output {
  int fd;
  struct watch watch;
  bool readable;
  bool end_sent;
  uint64_t offset;
};

struct exec {
  enum exec_step step;
  /* NULL once the host has closed it: then the process is killed and the slot freed. */
  struct stream *stream;
  unsigned number;
  bool terminal;
  struct winsize size;
  struct exec_output output[2];
  struct input input;
  struct child child;
  /* Of its own for each command: all that it starts is in it, unless it leaves on purpose. */
  pid_t session;
  struct crun crun;
  struct console console;
  bool ended;
  idm_ProcessExit exit;
  /* The process has ended, and long enough ago: output that others hold open is cut off. */
  struct timer linger;
  bool lingered;
};

/* exec_zone.c and exec_workload.c: start the command, now or later. */
void exec_in_zone(struct exec *exec, const idm_ZoneProcess *process);
void exec_in_workload(struct exec *exec, const idm_ExecOpen *open);

/* Gives the exec its terminal's master; false when there is none. */
bool exec_take_terminal(struct exec *exec, int master);
/* Makes pipes; the caller closes `theirs`. False with errno. */
bool exec_open_pipes(struct exec *exec, int theirs[3]);
void exec_running_as(struct exec *exec, pid_t pid);
void exec_fail(struct exec *exec, enum code code, const char *reason);

#endif
