#include <string.h>

#include "check.h"
#include "ring.h"

static void add(struct ring *ring, uint64_t from, size_t bytes) {
  while (bytes > 0) {
    size_t size;
    uint8_t *span = ring_free_span(ring, &size);
    CHECK(size > 0);
    if (size > bytes) size = bytes;
    for (size_t i = 0; i < size; i++) span[i] = (uint8_t)((from + i) * 7);
    ring_add(ring, size);
    from += size;
    bytes -= size;
  }
}

static void check_content(struct ring *ring) {
  for (uint64_t at = ring->base; at < ring->end;) {
    size_t size;
    const uint8_t *span = ring_span(ring, at, &size);
    CHECK(span && size > 0);
    for (size_t i = 0; i < size; i++) CHECK(span[i] == (uint8_t)((at + i) * 7));
    at += size;
  }
}

static void keeps_order(void) {
  struct ring ring;
  uint32_t random = 3;
  CHECK(ring_open(&ring, 4096));
  for (int round = 0; round < 2000; round++) {
    random = random * 1664525 + 1013904223;
    size_t wanted = (random >> 8) % 900, room = ring_room(&ring);
    add(&ring, ring.end, wanted < room ? wanted : room);
    check_content(&ring);
    random = random * 1664525 + 1013904223;
    ring_release(&ring, ring.base + (random >> 8) % 1000);
  }
  CHECK(ring.end > 100000);
  ring_close(&ring);
}

static void full_and_bounds(void) {
  struct ring ring;
  size_t size;
  CHECK(ring_open(&ring, 4096));
  add(&ring, 0, 4096);
  CHECK(ring_room(&ring) == 0);
  ring_free_span(&ring, &size);
  CHECK(size == 0);
  CHECK(!ring_span(&ring, 4096, &size) && size == 0);
  ring_release(&ring, 1000);
  CHECK(ring_room(&ring) == 1000);
  CHECK(!ring_span(&ring, 999, &size));
  /* Acknowledgements of the past change nothing; of the future, no more than all. */
  ring_release(&ring, 10);
  CHECK(ring.base == 1000);
  ring_release(&ring, UINT64_MAX);
  CHECK(ring.base == 4096 && ring.end == 4096 && ring_room(&ring) == 4096);
  ring_close(&ring);
  CHECK(ring.end == 4096 && ring_room(&ring) == 0 && !ring_span(&ring, 0, &size));
}

static void trickle(void) {
  struct ring ring;
  CHECK(ring_open(&ring, 1 << 20));
  for (int i = 0; i < 1000; i++) {
    add(&ring, ring.end, 3000);
    check_content(&ring);
    ring_release(&ring, ring.end);
  }
  CHECK(ring.touched == 3000);
  add(&ring, ring.end, 50000);
  ring_tidy(&ring);
  check_content(&ring);
  ring_release(&ring, ring.end);
  ring_tidy(&ring);
  CHECK(ring.touched == 0);
  ring_close(&ring);
}

const struct test ring_tests[] = {
    {"bytes stay in order at their offsets", keeps_order},
    {"a full ring takes nothing, and acknowledgements are bounded", full_and_bounds},
    {"a trickle that is acknowledged touches few pages", trickle},
    {0},
};
