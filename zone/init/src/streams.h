#ifndef STREAMS_H
#define STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "idm.h"

/* Streams that the host opened on this connection, and their credit in both directions. */

struct stream;

struct stream_kind {
  /* Puts the next frame of output into `output` (see packet_output) and gives it in `frame`; false when there is none. */
  bool (*produce)(struct stream *stream, uint8_t *output, struct slice *frame);
  void (*update)(struct stream *stream, const idm_StreamRequest *update);
  /* The host closed the stream or went away; the stream no longer exists when this returns. */
  void (*closed)(struct stream *stream);
};

struct stream {
  bool open;
  uint64_t id;
  /* Payload bytes that may still be sent to the host. */
  uint64_t credit;
  /* Payload bytes that the host may still send. */
  uint64_t window;
  /* Bytes consumed and not yet granted again. */
  uint64_t due;
  const struct stream_kind *kind;
  void *owner;
};

/* Handles a packet of a form that belongs to streams. */
void streams_packet(const idm_Packet *packet);

/* The next frame of output, one stream after the other; false when none has any. */
bool streams_produce(uint8_t *output, struct slice *frame);

/* Ends all: the connection is a new one. */
void streams_reset(void);

/* Takes payload from the host out of its window; false (and the stream failed) when the host sent more than it may. */
bool stream_receive(struct stream *stream, size_t bytes);
/* Lets the host send so much more. */
void stream_consumed(struct stream *stream, size_t bytes);
/* Says that the last response is sent, or why none follows; the stream no longer exists after either. */
void stream_finish(struct stream *stream);
__attribute__((format(printf, 3, 4))) void stream_fail(struct stream *stream, enum code code, const char *format, ...);

/* Opening of the three kinds, in files named so: sets kind and owner, or fails the stream. */
void exec_open(struct stream *stream, const idm_ExecOpen *open);
void workload_io_open(struct stream *stream, const idm_WorkloadIoOpen *open);
void dial_open(struct stream *stream, const idm_DialOpen *open);

#endif
