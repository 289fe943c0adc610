#include <string.h>

#include "bounds.h"
#include "check.h"
#include "frame.h"
#include "packet.h"

static uint8_t buffer[receive_buffer_bytes];

struct outcome {
  unsigned packets;
  unsigned damaged;
  uint64_t skipped;
  size_t pending;
};

/* Decodes `bytes` in pieces of `step`. */
static struct outcome decode(const uint8_t *bytes, size_t size, size_t step) {
  struct frame_decoder decoder;
  struct outcome outcome = {0};
  frame_decoder_start(&decoder, buffer, sizeof buffer, receive_max_bytes);
  for (size_t at = 0; at < size;) {
    size_t room, piece = size - at < step ? size - at : step;
    uint8_t *to = frame_decoder_room(&decoder, &room);
    CHECK(room > 0);
    if (piece > room) piece = room;
    memcpy(to, bytes + at, piece);
    frame_decoder_filled(&decoder, piece);
    at += piece;
    struct slice found;
    for (enum frame_result result; (result = frame_decoder_next(&decoder, &found)) != frame_incomplete;) {
      idm_Packet packet;
      if (result == frame_packet && packet_decode(found, &packet))
        outcome.packets++;
      else
        outcome.damaged++;
    }
  }
  outcome.skipped = decoder.skipped_bytes;
  outcome.pending = decoder.end - decoder.start;
  return outcome;
}

static size_t read_hex(const char *text, uint8_t *out) {
  size_t size = 0;
  unsigned byte;
  for (; sscanf(text, "%2x", &byte) == 1 && text[0] != ' '; text += 2) out[size++] = (uint8_t)byte;
  return size;
}

static void check_line(char *line) {
  static uint8_t bytes[65536];
  char *hex = strchr(line, ' ');
  if (line[0] == '#' || !hex) return;
  *hex++ = 0;
  size_t size = read_hex(hex, bytes);
  /* In one piece, byte by byte, and in awkward pieces. */
  const size_t steps[] = {size, 1, 3, 7, 256};
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    struct outcome outcome = decode(bytes, size, steps[i]);
    if (strcmp(line, "valid") == 0) {
      CHECK(outcome.packets == 1 && outcome.skipped == 0 && outcome.pending == 0);
    } else if (strcmp(line, "invalid") == 0) {
      CHECK(outcome.packets == 0);
    } else {
      unsigned packets;
      unsigned long skipped;
      CHECK(strcmp(line, "stream") == 0);
      CHECK(sscanf(strstr(hex, "->"), "-> %u packets, %lu skipped bytes", &packets, &skipped) == 2);
      CHECK(outcome.packets == packets && outcome.skipped == skipped);
    }
  }
}

static void shared_vectors(void) {
  static const char *const names[] = {"valid.txt", "invalid.txt", "stream.txt"};
  static char line[131072];
  for (int i = 0; i < 3; i++) {
    char path[256];
    unsigned lines = 0;
    snprintf(path, sizeof path, "%s/%s", vectors_folder, names[i]);
    FILE *file = fopen(path, "r");
    CHECK(file);
    for (; fgets(line, sizeof line, file); lines++) check_line(line);
    fclose(file);
    CHECK(lines > 10);
  }
}

static size_t make_ping(uint8_t *out, size_t capacity, uint64_t id, size_t payload_bytes) {
  static uint8_t payload[65536];
  idm_Request request = {.which_request = idm_Request_ping_tag};
  memset(payload, 0xff, sizeof payload);
  request.request.ping.payload = (struct slice){payload, payload_bytes};
  return packet_encode(out, capacity, id, idm_Form_FORM_REQUEST, idm_Request_fields, &request);
}

static void all_sizes(void) {
  static uint8_t frame[70000];
  for (size_t size = 0; size < 600; size++) {
    size_t bytes = make_ping(frame, sizeof frame, 2 * size + 1, size);
    struct outcome outcome = decode(frame, bytes, bytes);
    CHECK(outcome.packets == 1 && outcome.skipped == 0);
  }
  size_t bytes = make_ping(frame, sizeof frame, 1, 65536);
  CHECK(bytes > 65536 && decode(frame, bytes, 4096).packets == 1);
}

static void largest_frames_in_a_row(void) {
  static uint8_t stream[5 * (receive_max_bytes + frame_header_bytes)];
  /* A packet with a field nobody knows, as large as it may be. */
  for (int i = 0; i < 5; i++) {
    uint8_t *frame = stream + i * (receive_max_bytes + frame_header_bytes);
    uint8_t *body = frame + frame_header_bytes;
    size_t body_bytes = receive_max_bytes - frame_checksum_bytes, content = body_bytes - 4;
    memset(body, 0xaa, body_bytes);
    body[0] = 9 << 3 | 2;
    for (int at = 0; at < 3; at++) body[1 + at] = (uint8_t)(content >> 7 * at & 0x7f) | (at < 2 ? 0x80 : 0);
    CHECK(frame_seal(frame, body_bytes) == receive_max_bytes + frame_header_bytes);
  }
  CHECK(decode(stream, sizeof stream, 65536).packets == 5);
  CHECK(decode(stream, sizeof stream, 100001).packets == 5);
}

static void garbage(void) {
  static uint8_t bytes[200000];
  uint32_t random = 1;
  for (size_t i = 0; i < sizeof bytes; i++) {
    random = random * 1664525 + 1013904223;
    bytes[i] = random >> 30 ? (uint8_t)(random >> 16) : 0xff;
  }
  size_t at = 150000, frame = make_ping(bytes + at, sizeof bytes - at, 1, 64);
  /* Behind the frame there are enough zeros for any length that the garbage before it may claim. */
  memset(bytes + at + frame, 0, sizeof bytes - at - frame);
  static uint8_t zeros[receive_max_bytes + 64];
  static uint8_t all[sizeof bytes + sizeof zeros];
  memcpy(all, bytes, sizeof bytes);
  memcpy(all + sizeof bytes, zeros, sizeof zeros);
  CHECK(decode(all, sizeof all, 1000).packets == 1);
}

static void given_up(void) {
  uint8_t stream[256];
  struct frame_decoder decoder;
  struct slice packet;
  make_ping(stream, sizeof stream, 1, 100);
  size_t size = 40 + make_ping(stream + 40, sizeof stream - 40, 3, 5);
  frame_decoder_start(&decoder, buffer, sizeof buffer, receive_max_bytes);
  memcpy(buffer, stream, size);
  frame_decoder_filled(&decoder, size);
  CHECK(frame_decoder_next(&decoder, &packet) == frame_incomplete);
  frame_decoder_give_up(&decoder);
  enum frame_result result = frame_decoder_next(&decoder, &packet);
  while (result == frame_damaged) result = frame_decoder_next(&decoder, &packet);
  CHECK(result == frame_incomplete || result == frame_packet);
  /* The unfinished payload is all magic; each pair of it may claim a length of its own. */
  while (result == frame_incomplete && decoder.start < decoder.end) {
    frame_decoder_give_up(&decoder);
    result = frame_decoder_next(&decoder, &packet);
  }
  CHECK(result == frame_packet && decoder.start == decoder.end);
}

static void dropped(void) {
  uint8_t frame[256];
  struct frame_decoder decoder;
  struct slice packet;
  size_t size = make_ping(frame, sizeof frame, 1, 100);
  frame_decoder_start(&decoder, buffer, sizeof buffer, receive_max_bytes);
  memcpy(buffer, frame, size / 2);
  frame_decoder_filled(&decoder, size / 2);
  CHECK(frame_decoder_next(&decoder, &packet) == frame_incomplete);
  frame_decoder_drop(&decoder);
  size_t room;
  memcpy(frame_decoder_room(&decoder, &room), frame, size);
  frame_decoder_filled(&decoder, size);
  CHECK(frame_decoder_next(&decoder, &packet) == frame_packet);
}

const struct test frame_tests[] = {
    {"the vectors shared with the host decode as they say, however they are cut", shared_vectors},
    {"packets of every size up to 600 bytes, and of 64 KiB, come through", all_sizes},
    {"largest frames in a row fit the buffer", largest_frames_in_a_row},
    {"a frame within garbage is found", garbage},
    {"an unfinished frame that is given up hides no frame behind it", given_up},
    {"after a drop the next connection starts clean", dropped},
    {0},
};
