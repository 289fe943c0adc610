#include <string.h>

#include "bounds.h"
#include "frame.h"
#include "packet.h"

static uint8_t buffer[receive_buffer_bytes];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Follows every slice of a message: the sanitizer sees those that lead outside. */
static void decode_content(struct slice data) {
  static idm_Request request;
  static idm_StreamRequest stream_request;
  static uint8_t again[send_max_bytes];
  idm_Credit credit;
  if (packet_decode_data(data, idm_Request_fields, &request, sizeof request))
    packet_encode(again, sizeof again, 1, idm_Form_FORM_REQUEST, idm_Request_fields, &request);
  if (packet_decode_data(data, idm_StreamRequest_fields, &stream_request, sizeof stream_request))
    packet_encode(again, sizeof again, 1, idm_Form_FORM_REQUEST, idm_StreamRequest_fields, &stream_request);
  packet_decode_data(data, idm_Credit_fields, &credit, sizeof credit);
}

static void decode_stream(const uint8_t *data, size_t size, size_t step) {
  struct frame_decoder decoder;
  frame_decoder_start(&decoder, buffer, sizeof buffer, receive_max_bytes);
  for (size_t at = 0; at < size;) {
    size_t room, piece = size - at < step ? size - at : step;
    uint8_t *to = frame_decoder_room(&decoder, &room);
    if (piece > room) piece = room;
    memcpy(to, data + at, piece);
    frame_decoder_filled(&decoder, piece);
    at += piece;
    struct slice found;
    idm_Packet packet;
    for (enum frame_result result; (result = frame_decoder_next(&decoder, &found)) != frame_incomplete;)
      if (result == frame_packet && packet_decode(found, &packet)) decode_content(packet.data);
  }
}

/* The first byte says how the rest is cut. With an odd one the rest is a packet's body: a right checksum is not found by
 * chance. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t frame[16384];
  if (size == 0 || size > sizeof frame - 64) return 0;
  size_t step = 1 + data[0] * 3u;
  if (data[0] & 1) {
    memcpy(frame + frame_header_bytes, data + 1, size - 1);
    decode_stream(frame, frame_seal(frame, size - 1), step);
    decode_content((struct slice){data + 1, size - 1});
  } else {
    decode_stream(data + 1, size - 1, step);
  }
  return 0;
}
