#ifndef OUTBOX_H
#define OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole control frames in the order of their sending. */
struct outbox {
  uint8_t *bytes;
  size_t capacity;
  /* Start of the first frame that is not sent whole. */
  size_t frame;
  /* First byte that is not sent. */
  size_t start;
  size_t end;
};

void outbox_start(struct outbox *outbox, uint8_t *bytes, size_t capacity);
/* Where the next frame goes, and how large it may be. */
uint8_t *outbox_room(struct outbox *outbox, size_t *room);
void outbox_add(struct outbox *outbox, size_t frame_bytes);
bool outbox_empty(const struct outbox *outbox);
void outbox_sent(struct outbox *outbox, size_t bytes);
/* Forgets all frames but the rest of one whose beginning is sent, so that the peer stays in step. */
void outbox_drop(struct outbox *outbox);

#endif
