#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "exec.h"
#include "bounds.h"
#include "packet.h"
#include "spawn.h"

static struct exec execs[exec_limit];

static void close_output(struct exec_output *output) {
  watch_remove(&output->watch);
  if (output->fd >= 0) close(output->fd);
  output->fd = -1;
}

static void release_files(struct exec *exec) {
  close_output(&exec->output[0]);
  close_output(&exec->output[1]);
  input_stop(&exec->input);
  timer_clear(&exec->linger);
}

/* Frees the slot once neither a stream nor a process needs it. */
static void free_when_over(struct exec *exec) {
  if (exec->stream || !(exec->ended || exec->step == exec_failed)) return;
  release_files(exec);
  exec->step = exec_free;
}

static void readable(struct watch *watch, uint32_t events) {
  (void)events;
  watch_remove(watch);
  owner_of(watch, struct exec_output, watch)->readable = true;
  idm_wake();
}

static bool output_frame(struct exec *exec, int which, uint8_t *payload, struct slice *frame) {
  struct exec_output *output = &exec->output[which];
  struct stream *stream = exec->stream;
  idm_OutputStream name = which == 0 ? idm_OutputStream_OUTPUT_STREAM_STDOUT : idm_OutputStream_OUTPUT_STREAM_STDERR;
  if (output->end_sent || exec->step == exec_starting) return false;
  if (output->fd >= 0 && output->readable && stream->credit > 0) {
    size_t wanted = stream->credit < output_chunk_bytes ? (size_t)stream->credit : output_chunk_bytes;
    ssize_t got = read(output->fd, payload, wanted);
    if (got > 0) {
      stream->credit -= (uint64_t)got;
      *frame = packet_output(payload, (size_t)got, stream->id, name, output->offset, false);
      output->offset += (uint64_t)got;
      return true;
    }
    if (got < 0 && errno == EINTR) return false;
    if (got < 0 && errno == EAGAIN && !exec->lingered) {
      output->readable = false;
      watch_add(&output->watch, output->fd, EPOLLIN, readable);
    } else {
      close_output(output);
    }
  }
  if (output->fd >= 0) return false;
  output->end_sent = true;
  *frame = packet_output(payload, 0, stream->id, name, output->offset, true);
  return true;
}

static bool produce(struct stream *stream, uint8_t *payload, struct slice *frame) {
  struct exec *exec = stream->owner;
  if (output_frame(exec, 0, payload, frame) || output_frame(exec, 1, payload, frame)) return true;
  if (!exec->ended || !exec->output[0].end_sent || !exec->output[1].end_sent) return false;
  idm_StreamResponse response = {.which_response = idm_StreamResponse_exited_tag, .response.exited = exec->exit};
  if (!idm_send(stream->id, idm_Form_FORM_STREAM_RESPONSE_UPDATE, idm_StreamResponse_fields, &response)) return false;
  stream_finish(stream);
  exec->stream = NULL;
  free_when_over(exec);
  return false;
}

static void update(struct stream *stream, const idm_StreamRequest *update) {
  struct exec *exec = stream->owner;
  if (update->which_request == idm_StreamRequest_stdin_tag) {
    const idm_Stdin *input = &update->request.stdin;
    if (!stream_receive(stream, input->data.size)) return;
    input_add(&exec->input, input->data);
    if (input->closed) input_end(&exec->input);
  } else if (update->which_request == idm_StreamRequest_terminal_resize_tag && exec->terminal) {
    exec->size.ws_row = (unsigned short)update->request.terminal_resize.rows;
    exec->size.ws_col = (unsigned short)update->request.terminal_resize.columns;
    exec->console.size = exec->size;
    if (exec->output[0].fd >= 0) ioctl(exec->output[0].fd, TIOCSWINSZ, &exec->size);
  }
}

static void closed(struct stream *stream) {
  struct exec *exec = stream->owner;
  exec->stream = NULL;
  if (exec->step == exec_running && !exec->ended) kill_session(exec->session);
  /* Terminals tell by hanging up; pipes by having no reader. */
  if (exec->step != exec_starting) release_files(exec);
  free_when_over(exec);
}

static const struct stream_kind kind = {.produce = produce, .update = update, .closed = closed};

static void lingered(struct timer *timer) {
  struct exec *exec = owner_of(timer, struct exec, linger);
  exec->lingered = exec->output[0].readable = exec->output[1].readable = true;
  idm_wake();
}

static void process_ended(struct child *child, int status) {
  struct exec *exec = owner_of(child, struct exec, child);
  exec->ended = true;
  exec->exit = process_exit(status);
  if (exec->stream) timer_set(&exec->linger, exec_linger_ms, lingered);
  idm_wake();
  free_when_over(exec);
}

static void consumed(struct input *input, size_t bytes) {
  struct exec *exec = owner_of(input, struct exec, input);
  if (exec->stream) stream_consumed(exec->stream, bytes);
}

/* Takes init's ends; terminals have one for both directions. */
static void take_files(struct exec *exec, int in, int out, int err) {
  int fds[2] = {out, err};
  for (int i = 0; i < 2; i++) exec->output[i] = (struct exec_output){.fd = fds[i], .readable = true};
  exec->output[1].end_sent = exec->terminal;
  input_attach(&exec->input, in);
}

bool exec_take_terminal(struct exec *exec, int master) {
  if (master < 0) return false;
  if (exec->size.ws_row > 0 && exec->size.ws_col > 0) ioctl(master, TIOCSWINSZ, &exec->size);
  take_files(exec, fcntl(master, F_DUPFD_CLOEXEC, 3), master, -1);
  return true;
}

bool exec_open_pipes(struct exec *exec, int theirs[3]) {
  int pipes[3][2];
  for (int i = 0; i < 3; i++) {
    if (pipe2(pipes[i], O_CLOEXEC) == 0) continue;
    for (int j = 0; j < i; j++) close(pipes[j][0]), close(pipes[j][1]);
    return false;
  }
  fcntl(pipes[0][1], F_SETFL, O_NONBLOCK);
  fcntl(pipes[1][0], F_SETFL, O_NONBLOCK);
  fcntl(pipes[2][0], F_SETFL, O_NONBLOCK);
  theirs[0] = pipes[0][0];
  theirs[1] = pipes[1][1];
  theirs[2] = pipes[2][1];
  take_files(exec, pipes[0][1], pipes[1][0], pipes[2][0]);
  return true;
}

void exec_running_as(struct exec *exec, pid_t pid) {
  pid_t session = session_of(pid);
  exec->step = exec_running;
  exec->session = session > 1 ? session : pid;
  child_watch(&exec->child, pid, process_ended);
  if (!exec->stream) {
    kill_session(exec->session);
    release_files(exec);
  }
  idm_wake();
}

void exec_fail(struct exec *exec, enum code code, const char *reason) {
  struct stream *stream = exec->stream;
  exec->step = exec_failed;
  exec->stream = NULL;
  if (stream) stream_fail(stream, code, "the command cannot be run: %s", reason);
  free_when_over(exec);
}

void exec_open(struct stream *stream, const idm_ExecOpen *open) {
  struct exec *exec = NULL;
  for (unsigned i = 0; i < exec_limit && !exec; i++)
    if (execs[i].step == exec_free) exec = &execs[i];
  if (!exec) {
    stream_fail(stream, code_resource_exhausted, "the zone runs %d commands already", exec_limit);
    return;
  }
  *exec = (struct exec){.step = exec_starting,
                        .stream = stream,
                        .number = (unsigned)(exec - execs),
                        .terminal = open->tty};
  exec->size.ws_row = (unsigned short)open->terminal_size.rows;
  exec->size.ws_col = (unsigned short)open->terminal_size.columns;
  exec->output[0].fd = exec->output[1].fd = -1;
  input_start(&exec->input, input_awaited, open->tty, consumed);
  stream->kind = &kind;
  stream->owner = exec;
  if (open->workload_id.size > 0)
    exec_in_workload(exec, open);
  else
    exec_in_zone(exec, &open->process);
}
