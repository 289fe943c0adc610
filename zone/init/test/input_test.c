#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bounds.h"
#include "check.h"
#include "input.h"
#include "output.h"

static size_t consumed_bytes;
static struct input input;
static struct output output;
static int ends[2];

static void consumed(struct input *from, size_t bytes) {
  CHECK(from == &input);
  consumed_bytes += bytes;
}

static void turn(void) {
  for (int i = 0; i < 5; i++) loop_turn(1);
}

static void open_ends(bool their_write) {
  signal(SIGPIPE, SIG_IGN);
  consumed_bytes = 0;
  CHECK(loop_start() && pipe2(ends, O_CLOEXEC) == 0);
  fcntl(ends[their_write ? 0 : 1], F_SETFL, O_NONBLOCK);
}

static void slow_reader(void) {
  static uint8_t bytes[stream_window_bytes], got[2 * stream_window_bytes];
  open_ends(false);
  input_start(&input, ends[1], false, consumed);
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 13);
  CHECK(input_add(&input, (struct slice){bytes, sizeof bytes}));
  CHECK(input_add(&input, (struct slice){bytes, sizeof bytes}));
  CHECK(consumed_bytes < 2 * sizeof bytes);
  input_end(&input);
  size_t size = 0;
  for (ssize_t piece; size < sizeof got && (piece = read(ends[0], got + size, 5000)) > 0; turn()) size += (size_t)piece;
  CHECK(size == sizeof got && memcmp(got, bytes, sizeof bytes) == 0);
  CHECK(memcmp(got + sizeof bytes, bytes, sizeof bytes) == 0);
  CHECK(consumed_bytes == sizeof got && read(ends[0], got, 1) == 0);
  input_stop(&input);
  close(ends[0]);
}

static void gone_reader(void) {
  static uint8_t bytes[stream_window_bytes];
  open_ends(false);
  input_start(&input, ends[1], false, consumed);
  CHECK(input_add(&input, (struct slice){bytes, sizeof bytes}));
  CHECK(input_add(&input, (struct slice){bytes, sizeof bytes}));
  close(ends[0]);
  turn();
  CHECK(consumed_bytes == 2 * sizeof bytes);
  CHECK(input_add(&input, (struct slice){bytes, 100}) && consumed_bytes == 2 * sizeof bytes + 100);
  input_stop(&input);
}

static void awaited_reader(void) {
  uint8_t got[8];
  open_ends(false);
  input_start(&input, input_awaited, false, consumed);
  CHECK(input_add(&input, slice_of("early")) && consumed_bytes == 0);
  input_end(&input);
  input_attach(&input, ends[1]);
  CHECK(consumed_bytes == 5 && read(ends[0], got, sizeof got) == 5 && read(ends[0], got, 1) == 0);
  input_stop(&input);
  close(ends[0]);
}

static void no_room(void) {
  static uint8_t bytes[input_ring_bytes];
  open_ends(false);
  input_start(&input, input_awaited, false, consumed);
  CHECK(input_add(&input, (struct slice){bytes, sizeof bytes}));
  CHECK(!input_add(&input, (struct slice){bytes, 1}));
  input_stop(&input);
  CHECK(consumed_bytes == sizeof bytes);
  close(ends[0]);
  close(ends[1]);
}

static void blocked_writer(void) {
  static uint8_t bytes[65536];
  open_ends(true);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  CHECK(output_start(&output, ends[0]));
  size_t written = 0;
  for (int quiet = 0; quiet < 3;) {
    ssize_t done = write(ends[1], bytes, sizeof bytes);
    if (done > 0) written += (size_t)done;
    quiet = done > 0 ? 0 : quiet + 1;
    turn();
  }
  CHECK(output.ring.end == output_ring_bytes && written > output_ring_bytes && written < 2 * output_ring_bytes);
  output_acknowledge(&output, 10000);
  turn();
  CHECK(output.ring.base == 10000 && output.ring.end == output_ring_bytes + 10000);
  close(ends[1]);
  output_acknowledge(&output, UINT64_MAX);
  for (int i = 0; i < 20; i++) turn();
  CHECK(output.fd < 0 && output.ring.end == written && !output_settled(&output));
  output_acknowledge(&output, written);
  CHECK(output_settled(&output) && output.ring.bytes == NULL && output.ring.end == written);
  output_stop(&output);
}

const struct test input_tests[] = {
    {"a slow reader gets all input in order, then its end", slow_reader},
    {"input for a reader that is gone is thrown away and granted again", gone_reader},
    {"input that comes before its reader is kept", awaited_reader},
    {"input beyond the ring is refused", no_room},
    {"output beyond the ring blocks its writer until some is stored", blocked_writer},
    {0},
};
