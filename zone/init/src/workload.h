#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "console.h"
#include "crun.h"
#include "idm.h"
#include "input.h"
#include "output.h"
#include "streams.h"

enum workload_step {
  workload_free,
  /* Waits for its disk. */
  workload_awaiting_disk,
  /* Nothing runs: never started, or exited. */
  workload_idle,
  workload_creating_container,
  workload_starting_container,
  workload_running,
  /* Its PID 1 has ended and crun cleans up. */
  workload_deleting_container,
  /* Everything of it goes. */
  workload_removing,
};

struct workload {
  enum workload_step step;
  char id[37];
  char disk_serial[64];
  char filesystem[16];
  bool terminal, keeps_stdin;
  uint32_t rows, columns;
  struct reply create_reply, start_reply, destroy_reply;
  bool start_wanted, destroy_wanted;
  struct timer deadline;
  /* Counts starts. */
  uint32_t run;
  idm_ProcessExit exit;
  bool exited, exit_unacknowledged, exit_event_due;
  /* The container's PID 1 as init sees it. */
  pid_t pid;
  struct child main, remover;
  bool main_ended;
  int main_status;
  struct crun crun;
  struct console console;
  struct output output[2];
  struct input input;
  struct stream *io;
};

/* A path below the workload's bundle folder; `out` has workload_path_bytes. */
enum { workload_path_bytes = 128 };
const char *workload_path(const struct workload *workload, const char *name, char *out);

/* NULL when there is none. */
struct workload *workload_find(struct slice id);

/* workload_create.c */

/* Writes the bundle; gives false after it has answered with the reason. */
bool workload_write_bundle(struct workload *workload, const idm_CreateWorkloadRequest *request);
/* Mounts when the disk is there; answers when it is done or has failed. */
void workload_try_disk(struct workload *workload);
/* Unmounts and deletes all of it, then frees the slot and answers Destroy. */
void workload_remove(struct workload *workload);

/* workload_run.c */

/* Carries on with what is wanted and possible now. */
void workload_advance(struct workload *workload);

/* workload_io.c */

/* Closes the stream of the run before. */
void workload_io_end(struct workload *workload);

#endif
