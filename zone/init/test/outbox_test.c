#include <string.h>

#include "check.h"
#include "frame.h"
#include "outbox.h"

static uint8_t bytes[1024];

static void put(struct outbox *outbox, size_t body) {
  size_t room;
  uint8_t *frame = outbox_room(outbox, &room);
  CHECK(room >= body + 11);
  memset(frame + frame_header_bytes, 1, body);
  outbox_add(outbox, frame_seal(frame, body));
}

static void partial_writes(void) {
  struct outbox outbox;
  uint8_t sent[4096];
  size_t size = 0, put_bytes = 0;
  outbox_start(&outbox, bytes, sizeof bytes);
  for (int round = 0; round < 60; round++) {
    put(&outbox, 20 + round % 13);
    put_bytes += 31 + round % 13;
    for (int write = 0; write < 3 && !outbox_empty(&outbox); write++) {
      size_t left = outbox.end - outbox.start, piece = left < 17 ? left : 17;
      memcpy(sent + size, outbox.bytes + outbox.start, piece);
      size += piece;
      outbox_sent(&outbox, piece);
    }
  }
  CHECK(size + outbox.end - outbox.start == put_bytes);
  struct frame_decoder decoder;
  struct slice packet;
  unsigned packets = 0;
  frame_decoder_start(&decoder, sent, sizeof sent, 1024);
  frame_decoder_filled(&decoder, size);
  while (frame_decoder_next(&decoder, &packet) == frame_packet) packets++;
  CHECK(packets > 50 && decoder.skipped_bytes == 0);
}

static void drop_keeps_begun_frame(void) {
  struct outbox outbox;
  outbox_start(&outbox, bytes, sizeof bytes);
  put(&outbox, 10);
  put(&outbox, 10);
  put(&outbox, 10);
  outbox_sent(&outbox, 25);
  outbox_drop(&outbox);
  CHECK(outbox.end - outbox.start == 2 * 21 - 25);
  put(&outbox, 5);
  CHECK(outbox.end - outbox.start == 2 * 21 - 25 + 16);
  outbox_sent(&outbox, 2 * 21 - 25);
  outbox_drop(&outbox);
  CHECK(outbox_empty(&outbox));
}

static void fills_up(void) {
  struct outbox outbox;
  size_t room;
  outbox_start(&outbox, bytes, sizeof bytes);
  while (outbox_room(&outbox, &room), room >= 111) put(&outbox, 100);
  CHECK(room < 111);
  outbox_sent(&outbox, 111);
  outbox_room(&outbox, &room);
  CHECK(room >= 111);
}

const struct test outbox_tests[] = {
    {"frames written in pieces arrive whole", partial_writes},
    {"a drop keeps the rest of the frame that is under way, and nothing else", drop_keeps_begun_frame},
    {"a full outbox has room again after a frame is sent", fills_up},
    {0},
};
