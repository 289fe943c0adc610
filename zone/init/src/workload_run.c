#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "dispatch.h"
#include "files.h"
#include "workload.h"
#include "workloads.h"

static void delete_container(struct workload *workload);

static const int no_stdio[3] = {-1, -1, -1};

static bool run_crun(struct workload *workload, const char *const *arguments, const int stdio[3],
                     void (*done)(struct crun *, const char *)) {
  char log[workload_path_bytes];
  return crun_run(&workload->crun, workload_path(workload, "crun.log", log), arguments, stdio, done);
}

/* What its image or its options do not allow is no fault of the zone's; crun tells the two apart by its words only. */
static enum code code_of(const char *error) {
  static const char *const asked[] = {"not found",     "No such file",   "ermission denied", "Not a directory", "Invalid argument",
                                      "No such device", "out of range", "OOM:",             "Exec format"};
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
    if (strstr(error, asked[i])) return code_failed_precondition;
  return code_internal;
}

static void start_failed(struct workload *workload, const char *error) {
  reply_error(&workload->start_reply, code_of(error), "the container cannot be started: %s", error);
  workload_io_end(workload);
  input_stop(&workload->input);
  for (int stream = 0; stream < 2; stream++) output_stop(&workload->output[stream]);
  delete_container(workload);
}

static void record_exit(struct workload *workload) {
  workload->exit = process_exit(workload->main_status);
  workload->exit.oom_killed = cgroup_oom_kills(workload->id) > 0;
  workload->exited = workload->exit_unacknowledged = workload->exit_event_due = true;
  workload->pid = 0;
  workloads_send_due_exits();
  delete_container(workload);
}

static void main_ended(struct child *child, int status) {
  struct workload *workload = owner_of(child, struct workload, main);
  workload->main_ended = true;
  workload->main_status = status;
  if (workload->step == workload_running) record_exit(workload);
}

static void deleted(struct crun *crun, const char *error) {
  struct workload *workload = owner_of(crun, struct workload, crun);
  if (error && workload->exited) warn("container %.8s cannot be cleaned up: %s", workload->id, error);
  workload->step = workload_idle;
  workload_advance(workload);
}

static void delete_container(struct workload *workload) {
  const char *const arguments[] = {"delete", "--force", workload->id, NULL};
  workload->step = workload_deleting_container;
  input_stop(&workload->input);
  cgroup_kill(workload->id);
  if (!run_crun(workload, arguments, no_stdio, deleted)) deleted(&workload->crun, strerror(errno));
}

static void consumed(struct input *input, size_t bytes) {
  struct workload *workload = owner_of(input, struct workload, input);
  if (workload->io) stream_consumed(workload->io, bytes);
}

static void started(struct crun *crun, const char *error) {
  struct workload *workload = owner_of(crun, struct workload, crun);
  if (error) {
    child_forget(&workload->main);
    start_failed(workload, error);
    return;
  }
  workload->run++;
  workload->exited = false;
  workload->step = workload_running;
  idm_Response response = {.which_response = idm_Response_start_workload_tag};
  response.response.start_workload.run = workload->run;
  /* The daemon that asked has gone, and the next one was told that the workload does not run. */
  if (!reply_pending(&workload->start_reply)) dispatch_inventory();
  reply_response(&workload->start_reply, &response);
  if (workload->main_ended)
    record_exit(workload);
  else if (workload->destroy_wanted)
    workload_advance(workload);
}

/* The terminal that the container got. */
static bool take_terminal(struct workload *workload) {
  int master = console_take(&workload->console);
  if (master < 0) return false;
  int writer = fcntl(master, F_DUPFD_CLOEXEC, 3);
  input_start(&workload->input, writer, true, consumed);
  return output_start(&workload->output[0], master);
}

static void created(struct crun *crun, const char *error) {
  struct workload *workload = owner_of(crun, struct workload, crun);
  char path[workload_path_bytes];
  workload->pid = error ? 0 : crun_pid(workload_path(workload, "pid", path));
  if (workload->pid > 0) child_watch(&workload->main, workload->pid, main_ended);
  bool terminal_missing = workload->terminal && !take_terminal(workload) && !error;
  if (error || workload->pid == 0 || terminal_missing) {
    child_forget(&workload->main);
    start_failed(workload, error             ? error
                           : workload->pid == 0 ? "crun wrote no pid"
                                                : "crun sent no terminal");
    return;
  }
  const char *const arguments[] = {"start", workload->id, NULL};
  workload->step = workload_starting_container;
  if (!run_crun(workload, arguments, no_stdio, started)) started(&workload->crun, strerror(errno));
}

/* Makes the pipes; `theirs` are the container's ends. */
static bool open_pipes(struct workload *workload, int theirs[3]) {
  int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
  for (int i = workload->keeps_stdin ? 0 : 1; i < 3; i++)
    if (pipe2(pipes[i], O_CLOEXEC) != 0) return false;
  int in = pipes[0][1];
  if (in >= 0) fcntl(in, F_SETFL, O_NONBLOCK);
  for (int i = 1; i < 3; i++) fcntl(pipes[i][0], F_SETFL, O_NONBLOCK);
  theirs[0] = pipes[0][0];
  theirs[1] = pipes[1][1];
  theirs[2] = pipes[2][1];
  input_start(&workload->input, in, false, consumed);
  bool first = output_start(&workload->output[0], pipes[1][0]);
  bool second = output_start(&workload->output[1], pipes[2][0]);
  return first && second;
}

static void create_container(struct workload *workload) {
  char bundle[workload_path_bytes], pid_file[workload_path_bytes], console[workload_path_bytes];
  int theirs[3] = {-1, -1, -1};
  workload_path(workload, "", bundle);
  workload_path(workload, "pid", pid_file);
  workload_path(workload, "console", console);
  unlink(pid_file);
  workload_io_end(workload);
  for (int stream = 0; stream < 2; stream++) output_stop(&workload->output[stream]);
  const char *arguments[8] = {"create", "--bundle", bundle, "--pid-file", pid_file};
  workload->main_ended = false;
  workload->step = workload_creating_container;
  bool ready;
  if (workload->terminal) {
    const struct winsize size = {.ws_row = (unsigned short)workload->rows,
                                 .ws_col = (unsigned short)workload->columns};
    ready = console_open(&workload->console, console, size) && output_start(&workload->output[1], -1);
    arguments[5] = "--console-socket";
    arguments[6] = console;
    arguments[7] = NULL;
  } else {
    ready = open_pipes(workload, theirs);
  }
  const char *with_id[10];
  size_t count = 0;
  for (; count < 8 && arguments[count]; count++) with_id[count] = arguments[count];
  with_id[count] = workload->id;
  with_id[count + 1] = NULL;
  if (!ready || !run_crun(workload, with_id, theirs, created)) start_failed(workload, strerror(errno));
  for (int i = 0; i < 3; i++)
    if (theirs[i] >= 0) close(theirs[i]);
}

/* What the run before has written is not lost while its stream is being stored. */
static bool output_is_stored(const struct workload *workload) {
  return !workload->io || (output_settled(&workload->output[0]) && output_settled(&workload->output[1]));
}

static void storing_timed_out(struct timer *timer) {
  struct workload *workload = owner_of(timer, struct workload, deadline);
  workload->start_wanted = false;
  reply_error(&workload->start_reply, code_unavailable, "the output of run %u is not stored yet",
              (unsigned)workload->run);
}

static void start(struct workload *workload) {
  if (output_is_stored(workload)) {
    timer_clear(&workload->deadline);
    workload->start_wanted = false;
    create_container(workload);
  } else if (!workload->deadline.armed) {
    uint64_t now = now_ms(), until = workload->start_reply.deadline_ms;
    timer_set(&workload->deadline, until > now ? (until - now) / 2 : 0, storing_timed_out);
  }
}

void workload_advance(struct workload *workload) {
  switch (workload->step) {
    case workload_awaiting_disk:
      if (!workload->destroy_wanted) return;
      reply_error(&workload->create_reply, code_cancelled, "the workload is destroyed");
      workload_remove(workload);
      return;
    case workload_idle:
      if (workload->destroy_wanted) {
        reply_error(&workload->start_reply, code_cancelled, "the workload is destroyed");
        workload_remove(workload);
      } else if (workload->start_wanted) {
        start(workload);
      }
      return;
    case workload_running:
      if (workload->destroy_wanted && !cgroup_kill(workload->id)) kill(workload->pid, SIGKILL);
      return;
    default:
      return;
  }
}
