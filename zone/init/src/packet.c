#include "packet.h"

#include <pb_decode.h>
#include <pb_encode.h>
#include <string.h>

#include "bounds.h"
#include "frame.h"

bool packet_decode_data(struct slice data, const pb_msgdesc_t *type, void *message, size_t message_bytes) {
  memset(message, 0, message_bytes);
  pb_istream_t stream = pb_istream_from_buffer(data.data, data.size);
  return pb_decode(&stream, type, message);
}

bool packet_decode(struct slice bytes, idm_Packet *packet) {
  return packet_decode_data(bytes, idm_Packet_fields, packet, sizeof *packet);
}

static uint8_t *put_varint(uint8_t *at, uint64_t value) {
  for (; value > 0x7f; value >>= 7) *at++ = (uint8_t)(value | 0x80);
  *at++ = (uint8_t)value;
  return at;
}

static uint8_t *put_number(uint8_t *at, uint32_t tag, uint64_t value) {
  return value == 0 ? at : put_varint(put_varint(at, tag << 3), value);
}

static uint8_t *put_length(uint8_t *at, uint32_t tag, size_t size) {
  return put_varint(put_varint(at, tag << 3 | 2), size);
}


size_t packet_encode(uint8_t *out, size_t capacity, uint64_t id, idm_Form form, const pb_msgdesc_t *type,
                     const void *message) {
  size_t data_bytes = 0;
  if (type && !pb_get_encoded_size(&data_bytes, type, message)) return 0;
  if (data_bytes + output_headroom_bytes > send_max_bytes || data_bytes + output_headroom_bytes > capacity) return 0;
  uint8_t *body = out + frame_header_bytes;
  uint8_t *at = put_number(put_number(body, idm_Packet_id_tag, id), idm_Packet_form_tag, form);
  if (data_bytes > 0) {
    at = put_length(at, idm_Packet_data_tag, data_bytes);
    pb_ostream_t stream = pb_ostream_from_buffer(at, data_bytes);
    if (!pb_encode(&stream, type, message)) return 0;
    at += data_bytes;
  }
  return frame_seal(out, (size_t)(at - body));
}

struct slice packet_output(uint8_t *payload, size_t data_bytes, uint64_t id, idm_OutputStream stream, uint64_t offset,
                           bool end) {
  uint8_t output[40], response[16], envelope[40];
  uint8_t *at = put_number(output, idm_Output_stream_tag, stream);
  at = put_number(at, idm_Output_offset_tag, offset);
  at = put_number(at, idm_Output_end_tag, end);
  if (data_bytes > 0) at = put_length(at, idm_Output_data_tag, data_bytes);
  size_t output_head = (size_t)(at - output);
  size_t output_bytes = output_head + data_bytes;
  size_t response_head = (size_t)(put_length(response, idm_StreamResponse_output_tag, output_bytes) - response);
  at = put_number(envelope, idm_Packet_id_tag, id);
  at = put_number(at, idm_Packet_form_tag, idm_Form_FORM_STREAM_RESPONSE_UPDATE);
  at = put_length(at, idm_Packet_data_tag, response_head + output_bytes);
  size_t envelope_head = (size_t)(at - envelope);

  size_t head = envelope_head + response_head + output_head;
  uint8_t *body = payload - head;
  memcpy(body, envelope, envelope_head);
  memcpy(body + envelope_head, response, response_head);
  memcpy(body + envelope_head + response_head, output, output_head);
  uint8_t *frame = body - frame_header_bytes;
  return (struct slice){frame, frame_seal(frame, head + data_bytes)};
}

_Static_assert(output_headroom_bytes >= 40 + 16 + 40 + frame_header_bytes, "the head of an output frame fits");
