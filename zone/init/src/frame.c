#include "frame.h"

#include <string.h>

#include "crc32.h"

enum { checksum_tag = 15 << 3 | 5 };

static uint32_t read_u32(const uint8_t *at) {
  return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void write_u32(uint8_t *at, uint32_t value) {
  for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

void frame_decoder_start(struct frame_decoder *decoder, uint8_t *buffer, size_t capacity, size_t max_packet_bytes) {
  *decoder = (struct frame_decoder){.buffer = buffer, .capacity = capacity, .max_packet_bytes = max_packet_bytes};
}

uint8_t *frame_decoder_room(struct frame_decoder *decoder, size_t *room) {
  if (decoder->start == decoder->end) decoder->start = decoder->end = 0;
  /* Moving only when the next frame may not fit keeps the copying below one copy a byte. */
  if (decoder->start > 0 && decoder->capacity - decoder->start < frame_header_bytes + decoder->max_packet_bytes) {
    memmove(decoder->buffer, decoder->buffer + decoder->start, decoder->end - decoder->start);
    decoder->end -= decoder->start;
    decoder->start = 0;
  }
  *room = decoder->capacity - decoder->end;
  return decoder->buffer + decoder->end;
}

void frame_decoder_filled(struct frame_decoder *decoder, size_t bytes) { decoder->end += bytes; }

static void skip(struct frame_decoder *decoder, size_t bytes) {
  decoder->start += bytes;
  decoder->skipped_bytes += bytes;
}

static bool seek_magic(struct frame_decoder *decoder) {
  while (decoder->start < decoder->end) {
    const uint8_t *from = decoder->buffer + decoder->start;
    const uint8_t *found = memchr(from, 0xff, decoder->end - decoder->start);
    skip(decoder, found ? (size_t)(found - from) : decoder->end - decoder->start);
    if (!found || decoder->start + 1 == decoder->end) return false;
    if (found[1] == 0xff) return true;
    skip(decoder, 1);
  }
  return false;
}

static bool checksum_holds(const uint8_t *packet, size_t size) {
  size_t body = size - frame_checksum_bytes;
  return packet[body] == checksum_tag && read_u32(packet + body + 1) == crc32(packet, body);
}

enum frame_result frame_decoder_next(struct frame_decoder *decoder, struct slice *packet) {
  while (seek_magic(decoder)) {
    const uint8_t *frame = decoder->buffer + decoder->start;
    size_t pending = decoder->end - decoder->start;
    if (pending < frame_header_bytes) return frame_incomplete;
    size_t size = read_u32(frame + 2);
    if (size < frame_checksum_bytes || size > decoder->max_packet_bytes) {
      skip(decoder, 1);
      continue;
    }
    if (pending < frame_header_bytes + size) return frame_incomplete;
    if (!checksum_holds(frame + frame_header_bytes, size)) {
      skip(decoder, 1);
      return frame_damaged;
    }
    *packet = (struct slice){frame + frame_header_bytes, size};
    decoder->start += frame_header_bytes + size;
    return frame_packet;
  }
  return frame_incomplete;
}

void frame_decoder_give_up(struct frame_decoder *decoder) {
  if (decoder->start < decoder->end) skip(decoder, 1);
}

void frame_decoder_drop(struct frame_decoder *decoder) {
  skip(decoder, decoder->end - decoder->start);
  decoder->start = decoder->end = 0;
}

size_t frame_seal(uint8_t *frame, size_t body_bytes) {
  uint8_t *body = frame + frame_header_bytes;
  frame[0] = frame[1] = 0xff;
  write_u32(frame + 2, (uint32_t)(body_bytes + frame_checksum_bytes));
  body[body_bytes] = checksum_tag;
  write_u32(body + body_bytes + 1, crc32(body, body_bytes));
  return frame_header_bytes + body_bytes + frame_checksum_bytes;
}
