#include "outbox.h"

#include <string.h>

#include "frame.h"

void outbox_start(struct outbox *outbox, uint8_t *bytes, size_t capacity) {
  *outbox = (struct outbox){.bytes = bytes, .capacity = capacity};
}

static size_t frame_bytes_at(const struct outbox *outbox, size_t at) {
  const uint8_t *size = outbox->bytes + at + 2;
  return frame_header_bytes + (size[0] | (size_t)size[1] << 8 | (size_t)size[2] << 16 | (size_t)size[3] << 24);
}

uint8_t *outbox_room(struct outbox *outbox, size_t *room) {
  if (outbox->frame > 0) {
    memmove(outbox->bytes, outbox->bytes + outbox->frame, outbox->end - outbox->frame);
    outbox->start -= outbox->frame;
    outbox->end -= outbox->frame;
    outbox->frame = 0;
  }
  *room = outbox->capacity - outbox->end;
  return outbox->bytes + outbox->end;
}

void outbox_add(struct outbox *outbox, size_t frame_bytes) { outbox->end += frame_bytes; }

bool outbox_empty(const struct outbox *outbox) { return outbox->start == outbox->end; }

void outbox_sent(struct outbox *outbox, size_t bytes) {
  outbox->start += bytes;
  if (outbox->start == outbox->end) {
    outbox->frame = outbox->start = outbox->end = 0;
    return;
  }
  while (outbox->frame + frame_bytes_at(outbox, outbox->frame) <= outbox->start)
    outbox->frame += frame_bytes_at(outbox, outbox->frame);
}

void outbox_drop(struct outbox *outbox) {
  if (outbox->start > outbox->frame)
    outbox->end = outbox->frame + frame_bytes_at(outbox, outbox->frame);
  else
    outbox->frame = outbox->start = outbox->end = 0;
}
