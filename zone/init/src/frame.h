#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

enum {
  frame_header_bytes = 6,
  /* The packet's last field: one byte of tag, four of checksum. */
  frame_checksum_bytes = 5,
};

/* Finds packets in a byte stream cut anywhere; the counterpart of services/daemon/src/idm/frame.ts. */
struct frame_decoder {
  uint8_t *buffer;
  size_t capacity;
  size_t start;
  size_t end;
  size_t max_packet_bytes;
  /* Bytes that belonged to no frame. */
  uint64_t skipped_bytes;
};

enum frame_result {
  /* `packet` is one whose checksum is right. It stays valid until the next call that takes the decoder. */
  frame_packet,
  /* A frame with a wrong checksum was given up; call again. */
  frame_damaged,
  /* More input is needed. */
  frame_incomplete,
};

/* `capacity` is at least the largest frame. */
void frame_decoder_start(struct frame_decoder *decoder, uint8_t *buffer, size_t capacity, size_t max_packet_bytes);

/* Where the next input goes. Never without room after frame_incomplete. */
uint8_t *frame_decoder_room(struct frame_decoder *decoder, size_t *room);
void frame_decoder_filled(struct frame_decoder *decoder, size_t bytes);

enum frame_result frame_decoder_next(struct frame_decoder *decoder, struct slice *packet);

/* Gives up an unfinished frame; the search goes on at its second byte. */
void frame_decoder_give_up(struct frame_decoder *decoder);

/* Forgets everything that was received and not yet decoded. */
void frame_decoder_drop(struct frame_decoder *decoder);

/* Writes the header before, and the checksum behind, a packet body of `body_bytes` at `frame` + frame_header_bytes;
 * gives the whole frame's size. */
size_t frame_seal(uint8_t *frame, size_t body_bytes);

#endif
