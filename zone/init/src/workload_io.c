#include <string.h>
#include <sys/ioctl.h>

#include "bounds.h"
#include "packet.h"
#include "workload.h"

static bool stream_bytes(struct workload *workload, int which, struct stream *stream, uint8_t *payload,
                         struct slice *frame) {
  struct output *output = &workload->output[which];
  idm_OutputStream name = which == 0 ? idm_OutputStream_OUTPUT_STREAM_STDOUT : idm_OutputStream_OUTPUT_STREAM_STDERR;
  size_t size;
  const uint8_t *bytes = ring_span(&output->ring, output->sent, &size);
  if (size > output_chunk_bytes) size = output_chunk_bytes;
  if (size > stream->credit) size = (size_t)stream->credit;
  if (size > 0) {
    memcpy(payload, bytes, size);
    *frame = packet_output(payload, size, stream->id, name, output->sent, false);
    output->sent += size;
    stream->credit -= size;
    return true;
  }
  if (output->fd >= 0 || output->sent != output->ring.end || output->end_sent) return false;
  output->end_sent = true;
  *frame = packet_output(payload, 0, stream->id, name, output->sent, true);
  return true;
}

static bool produce(struct stream *stream, uint8_t *payload, struct slice *frame) {
  struct workload *workload = stream->owner;
  if (stream_bytes(workload, 0, stream, payload, frame)) return true;
  if (stream_bytes(workload, 1, stream, payload, frame)) return true;
  bool ended = workload->output[0].end_sent && workload->output[1].end_sent;
  if (ended && output_settled(&workload->output[0]) && output_settled(&workload->output[1])) {
    workload->io = NULL;
    stream_finish(stream);
  }
  return false;
}

static void take_input(struct workload *workload, struct stream *stream, const idm_Stdin *input) {
  if (!stream_receive(stream, input->data.size)) return;
  if (!input_add(&workload->input, input->data)) {
    workload->io = NULL;
    stream_fail(stream, code_resource_exhausted, "the workload has not read what was sent before");
    return;
  }
  if (input->closed) input_end(&workload->input);
}

static void update(struct stream *stream, const idm_StreamRequest *update) {
  struct workload *workload = stream->owner;
  if (update->which_request == idm_StreamRequest_stdin_tag) {
    take_input(workload, stream, &update->request.stdin);
  } else if (update->which_request == idm_StreamRequest_output_acknowledge_tag) {
    output_acknowledge(&workload->output[0], update->request.output_acknowledge.stdout_offset);
    output_acknowledge(&workload->output[1], update->request.output_acknowledge.stderr_offset);
    if (workload->start_wanted) workload_advance(workload);
    idm_wake();
  } else if (update->which_request == idm_StreamRequest_terminal_resize_tag && workload->terminal) {
    const idm_TerminalSize *size = &update->request.terminal_resize;
    workload->rows = size->rows;
    workload->columns = size->columns;
    const struct winsize wanted = {.ws_row = (unsigned short)size->rows, .ws_col = (unsigned short)size->columns};
    if (workload->output[0].fd >= 0) ioctl(workload->output[0].fd, TIOCSWINSZ, &wanted);
  }
}

static void closed(struct stream *stream) {
  struct workload *workload = stream->owner;
  workload->io = NULL;
  if (workload->start_wanted) workload_advance(workload);
}

static const struct stream_kind kind = {.produce = produce, .update = update, .closed = closed};

void workload_io_end(struct workload *workload) {
  struct stream *stream = workload->io;
  workload->io = NULL;
  if (stream) stream_finish(stream);
}

void workload_io_open(struct stream *stream, const idm_WorkloadIoOpen *open) {
  struct workload *workload = workload_find(open->workload_id);
  const uint64_t offsets[2] = {open->stdout_offset, open->stderr_offset};
  if (!workload || workload->step == workload_awaiting_disk || workload->step == workload_removing) {
    stream_fail(stream, code_not_found, "the zone has no such workload");
    return;
  }
  if (open->run != workload->run || workload->run == 0) {
    stream_fail(stream, code_failed_precondition, "the workload's current run is %u, not %u", (unsigned)workload->run,
                (unsigned)open->run);
    return;
  }
  for (int i = 0; i < 2; i++)
    if (offsets[i] > workload->output[i].ring.end) {
      stream_fail(stream, code_invalid_argument, "run %u has no output at the offset asked for",
                  (unsigned)workload->run);
      return;
    }
  workload_io_end(workload);
  workload->io = stream;
  stream->kind = &kind;
  stream->owner = workload;
  for (int i = 0; i < 2; i++) {
    struct output *output = &workload->output[i];
    output_acknowledge(output, offsets[i]);
    output->sent = output->ring.base;
    output->end_sent = false;
  }
  idm_wake();
}
