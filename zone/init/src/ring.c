#include "ring.h"

#include <string.h>
#include <sys/mman.h>

bool ring_open(struct ring *ring, size_t capacity) {
  void *bytes = mmap(NULL, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) return false;
  *ring = (struct ring){.bytes = bytes, .capacity = capacity};
  return true;
}

void ring_close(struct ring *ring) {
  if (ring->bytes) munmap(ring->bytes, ring->capacity);
  ring->bytes = NULL;
  ring->capacity = 0;
}

size_t ring_room(const struct ring *ring) {
  return ring->bytes ? ring->capacity - (size_t)(ring->end - ring->base) : 0;
}

uint8_t *ring_free_span(struct ring *ring, size_t *size) {
  if (!ring->bytes) {
    *size = 0;
    return NULL;
  }
  size_t position = (size_t)((ring->end - ring->origin) % ring->capacity);
  size_t to_edge = ring->capacity - position;
  size_t room = ring_room(ring);
  *size = room < to_edge ? room : to_edge;
  return ring->bytes + position;
}

void ring_add(struct ring *ring, size_t bytes) {
  size_t position = (size_t)((ring->end - ring->origin) % ring->capacity);
  if (position + bytes > ring->touched) ring->touched = position + bytes;
  ring->end += bytes;
}

const uint8_t *ring_span(const struct ring *ring, uint64_t offset, size_t *size) {
  if (!ring->bytes || offset < ring->base || offset >= ring->end) {
    *size = 0;
    return NULL;
  }
  size_t position = (size_t)((offset - ring->origin) % ring->capacity);
  size_t to_edge = ring->capacity - position;
  size_t kept = (size_t)(ring->end - offset);
  *size = kept < to_edge ? kept : to_edge;
  return ring->bytes + position;
}

void ring_release(struct ring *ring, uint64_t offset) {
  if (offset > ring->end) offset = ring->end;
  if (offset > ring->base) ring->base = offset;
  if (ring->base == ring->end) ring->origin = ring->end;
}

void ring_tidy(struct ring *ring) {
  enum { kept_bytes = 16 * 1024 };
  if (!ring->bytes || ring->base != ring->end || ring->touched <= kept_bytes) return;
  madvise(ring->bytes, ring->capacity, MADV_DONTNEED);
  ring->touched = 0;
}
