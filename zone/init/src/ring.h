#ifndef RING_H
#define RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a stream between two offsets counted from the stream's start. Memory is mapped, so what was never filled is
 * not resident. */
struct ring {
  uint8_t *bytes;
  size_t capacity;
  /* Offset of the oldest byte that is kept. */
  uint64_t base;
  /* Offset behind the newest. */
  uint64_t end;
  /* Offset that lies at bytes[0]; moves when the ring is empty, so that a trickle stays within few pages. */
  uint64_t origin;
  size_t touched;
};

/* False when there is no memory. Offsets start at 0. */
bool ring_open(struct ring *ring, size_t capacity);
/* Keeps the offsets. */
void ring_close(struct ring *ring);
size_t ring_room(const struct ring *ring);
/* The next free bytes that lie together. */
uint8_t *ring_free_span(struct ring *ring, size_t *size);
void ring_add(struct ring *ring, size_t bytes);
/* The bytes from `offset` on that lie together; `offset` is within the ring. */
const uint8_t *ring_span(const struct ring *ring, uint64_t offset, size_t *size);
/* Forgets what lies before `offset`; offsets outside of the ring are taken as its nearer end. */
void ring_release(struct ring *ring, uint64_t offset);
/* Gives memory back to the kernel when the ring is empty. */
void ring_tidy(struct ring *ring);

#endif
