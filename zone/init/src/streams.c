#include "streams.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "packet.h"

static struct stream streams[stream_limit];
static unsigned next_to_produce;

static struct stream *find(uint64_t id) {
  for (unsigned i = 0; i < stream_limit; i++)
    if (streams[i].open && streams[i].id == id) return &streams[i];
  return NULL;
}

static void send_error(uint64_t id, enum code code, const char *message) {
  idm_Error error = {.code = code, .message = slice_of(message)};
  idm_send(id, idm_Form_FORM_ERROR, idm_Error_fields, &error);
}

void stream_fail(struct stream *stream, enum code code, const char *format, ...) {
  char message[error_message_bytes];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  stream->open = false;
  send_error(stream->id, code, message);
}

void stream_finish(struct stream *stream) {
  stream->open = false;
  idm_send(stream->id, idm_Form_FORM_STREAM_RESPONSE_CLOSED, NULL, NULL);
}

static void open_stream(const idm_Packet *packet, const idm_StreamRequest *request) {
  /* An id that is taken belongs to the stream that has it; that one is not disturbed. */
  if (find(packet->id)) return;
  struct stream *stream = NULL;
  for (unsigned i = 0; i < stream_limit && !stream; i++)
    if (!streams[i].open) stream = &streams[i];
  if (!stream) {
    send_error(packet->id, code_resource_exhausted, "all streams of the zone are in use; close one first");
    return;
  }
  *stream = (struct stream){
      .open = true, .id = packet->id, .credit = idm_host_window(), .window = stream_window_bytes};
  if (request->which_request == idm_StreamRequest_exec_tag)
    exec_open(stream, &request->request.exec);
  else if (request->which_request == idm_StreamRequest_workload_io_tag)
    workload_io_open(stream, &request->request.workload_io);
  else if (request->which_request == idm_StreamRequest_dial_tag)
    dial_open(stream, &request->request.dial);
  else
    stream_fail(stream, code_unimplemented, "the zone knows no stream of this kind");
}

static void receive_request(const idm_Packet *packet) {
  static idm_StreamRequest request;
  bool opens = packet->form == idm_Form_FORM_STREAM_REQUEST;
  struct stream *stream = find(packet->id);
  bool decoded = packet_decode_data(packet->data, idm_StreamRequest_fields, &request, sizeof request);
  if (opens && decoded) {
    open_stream(packet, &request);
  } else if (opens && !stream) {
    send_error(packet->id, code_invalid_argument, "the stream's first message cannot be decoded");
  } else if (!opens && stream && decoded) {
    stream->kind->update(stream, &request);
  }
}

static void receive_credit(const idm_Packet *packet) {
  idm_Credit credit;
  struct stream *stream = find(packet->id);
  if (!stream || !packet_decode_data(packet->data, idm_Credit_fields, &credit, sizeof credit)) return;
  stream->credit = credit.bytes > UINT64_MAX - stream->credit ? UINT64_MAX : stream->credit + credit.bytes;
  idm_wake();
}

static void close_stream(struct stream *stream) {
  stream->open = false;
  stream->kind->closed(stream);
}

void streams_packet(const idm_Packet *packet) {
  struct stream *stream;
  switch (packet->form) {
    case idm_Form_FORM_STREAM_REQUEST:
    case idm_Form_FORM_STREAM_REQUEST_UPDATE:
      receive_request(packet);
      break;
    case idm_Form_FORM_STREAM_REQUEST_CLOSED:
      if ((stream = find(packet->id))) close_stream(stream);
      break;
    case idm_Form_FORM_CREDIT:
      receive_credit(packet);
      break;
    default:
      break;
  }
}

bool stream_receive(struct stream *stream, size_t bytes) {
  if (bytes <= stream->window) {
    stream->window -= bytes;
    return true;
  }
  const struct stream_kind *kind = stream->kind;
  stream_fail(stream, code_resource_exhausted, "more input than the zone gave credit for");
  kind->closed(stream);
  return false;
}

void stream_consumed(struct stream *stream, size_t bytes) {
  stream->due += bytes;
  idm_wake();
}

/* Small amounts wait until the host's window is half used, so that a flood of input costs few packets. */
static void grant(struct stream *stream) {
  if (stream->due == 0 || stream->window > stream_window_bytes / 2) return;
  idm_Credit credit = {.bytes = stream->due};
  if (!idm_send(stream->id, idm_Form_FORM_CREDIT, idm_Credit_fields, &credit)) return;
  stream->window += stream->due;
  stream->due = 0;
}

bool streams_produce(uint8_t *output, struct slice *frame) {
  for (unsigned tried = 0; tried < stream_limit; tried++) {
    struct stream *stream = &streams[next_to_produce];
    next_to_produce = (next_to_produce + 1) % stream_limit;
    if (!stream->open) continue;
    grant(stream);
    if (stream->kind->produce(stream, output, frame)) return true;
  }
  return false;
}

void streams_reset(void) {
  for (unsigned i = 0; i < stream_limit; i++)
    if (streams[i].open) close_stream(&streams[i]);
}
