#ifndef PACKET_H
#define PACKET_H

#include <pb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "idm.pb.h"

/* Packets are small and always alike, so their envelope is written by hand and only what they carry by nanopb. */

/* Decodes the packet inside a frame; false when it is none. `data` refers to `bytes`. */
bool packet_decode(struct slice bytes, idm_Packet *packet);

/* Decodes what a packet carries; sets everything that is absent to zero. */
bool packet_decode_data(struct slice data, const pb_msgdesc_t *type, void *message, size_t message_bytes);

/* Writes a whole frame that carries `message` (none when `type` is NULL) and gives its size; 0 when it does not fit. */
size_t packet_encode(uint8_t *out, size_t capacity, uint64_t id, idm_Form form, const pb_msgdesc_t *type,
                     const void *message);

/* Output with the payload already in place, `data_bytes` of it at `payload`, whose output_headroom_bytes before and 16
 * bytes behind are free. Gives the frame. */
struct slice packet_output(uint8_t *payload, size_t data_bytes, uint64_t id, idm_OutputStream stream, uint64_t offset,
                           bool end);

#endif
