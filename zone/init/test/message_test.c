#include <string.h>

#include "address.h"
#include "bounds.h"
#include "check.h"
#include "frame.h"
#include "oci_config.h"
#include "packet.h"

static uint8_t frame[send_max_bytes];

/* Encodes and decodes again. */
static struct slice through_wire(const pb_msgdesc_t *type, const void *message) {
  static idm_Packet packet;
  size_t size = packet_encode(frame, sizeof frame, 1, idm_Form_FORM_REQUEST, type, message);
  CHECK(size > 0);
  CHECK(packet_decode((struct slice){frame + frame_header_bytes, size - frame_header_bytes}, &packet));
  return packet.data;
}

static void lists_and_oneofs(void) {
  static idm_Request request, decoded;
  request.which_request = idm_Request_configure_tag;
  idm_ConfigureRequest *configure = &request.request.configure;
  configure->hostname = slice_of("zone-1");
  configure->links_count = 2;
  configure->links[0].mac = slice_of("02:00:00:00:00:01");
  configure->links[1].addresses = (struct slice_list){2, {slice_of("10.0.0.1/32"), slice_of("fd00::1/128")}};
  configure->has_scratch = true;
  configure->scratch.which_backend = idm_Scratch_disk_serial_tag;
  configure->scratch.backend.disk_serial = slice_of("disk-1");
  struct slice data = through_wire(idm_Request_fields, &request);
  CHECK(packet_decode_data(data, idm_Request_fields, &decoded, sizeof decoded));
  const idm_ConfigureRequest *seen = &decoded.request.configure;
  CHECK(decoded.which_request == idm_Request_configure_tag && slice_equals(seen->hostname, "zone-1"));
  CHECK(seen->links_count == 2 && seen->links[0].addresses.count == 0 && seen->links[1].addresses.count == 2);
  CHECK(slice_equals(seen->links[1].addresses.items[1], "fd00::1/128"));
  CHECK(seen->scratch.which_backend == idm_Scratch_disk_serial_tag);
  CHECK(slice_equals(seen->scratch.backend.disk_serial, "disk-1"));
}

static void too_many_items(void) {
  static idm_StreamRequest request, decoded;
  request.which_request = idm_StreamRequest_exec_tag;
  struct slice_list_huge *command = &request.request.exec.process.command;
  request.request.exec.has_process = true;
  for (command->count = 0; command->count < 512; command->count++) command->items[command->count] = slice_of("word");
  struct slice data = through_wire(idm_StreamRequest_fields, &request);
  CHECK(packet_decode_data(data, idm_StreamRequest_fields, &decoded, sizeof decoded));
  CHECK(decoded.request.exec.process.command.count == 512);
  /* The same field twice is one list to protobuf: now it has 1,024 items. */
  static uint8_t twice[2 * send_max_bytes];
  memcpy(twice, data.data, data.size);
  memcpy(twice + data.size, data.data, data.size);
  CHECK(!packet_decode_data((struct slice){twice, 2 * data.size}, idm_StreamRequest_fields, &decoded, sizeof decoded));
}

static void output_frames(void) {
  static uint8_t space[output_headroom_bytes + output_chunk_bytes + 16];
  uint8_t *payload = space + output_headroom_bytes;
  const size_t sizes[] = {0, 1, 127, 128, 16383, output_chunk_bytes};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    static idm_StreamResponse response;
    idm_Packet packet;
    memset(payload, 0x5a, sizes[i]);
    struct slice made = packet_output(payload, sizes[i], UINT64_MAX, 2, UINT64_MAX, true);
    CHECK(made.size <= 32 * 1024);
    CHECK(packet_decode((struct slice){made.data + frame_header_bytes, made.size - frame_header_bytes}, &packet));
    CHECK(packet.id == UINT64_MAX && packet.form == idm_Form_FORM_STREAM_RESPONSE_UPDATE);
    CHECK(packet_decode_data(packet.data, idm_StreamResponse_fields, &response, sizeof response));
    const idm_Output *output = &response.response.output;
    CHECK(response.which_response == idm_StreamResponse_output_tag && output->end && output->stream == 2);
    CHECK(output->offset == UINT64_MAX && output->data.size == sizes[i]);
    for (size_t at = 0; at < sizes[i]; at++) CHECK(output->data.data[at] == 0x5a);
  }
}

static void too_large(void) {
  static uint8_t payload[send_max_bytes];
  idm_Response response = {.which_response = idm_Response_ping_tag};
  response.response.ping.payload = (struct slice){payload, sizeof payload};
  CHECK(packet_encode(frame, sizeof frame, 1, idm_Form_FORM_RESPONSE, idm_Response_fields, &response) == 0);
  response.response.ping.payload.size = 100;
  CHECK(packet_encode(frame, 100, 1, idm_Form_FORM_RESPONSE, idm_Response_fields, &response) == 0);
}

static void strings(void) {
  char out[8];
  CHECK(slice_to_string(slice_of("1234567"), out, sizeof out) && strcmp(out, "1234567") == 0);
  CHECK(!slice_to_string(slice_of("12345678"), out, sizeof out));
  CHECK(!slice_to_string((struct slice){(const uint8_t *)"a\0b", 3}, out, sizeof out));
  CHECK(slice_to_string((struct slice){NULL, 0}, out, sizeof out) && out[0] == 0);
}

static void addresses(void) {
  struct address address;
  uint8_t mac[6];
  CHECK(address_parse(slice_of("10.0.0.1/24"), &address) && address.prefix == 24 && address.size == 4);
  CHECK(address_parse(slice_of("fd00::1"), &address) && address.prefix == 128 && address.size == 16);
  CHECK(address_parse(slice_of("::/0"), &address) && address.prefix == 0);
  const char *const wrong[] = {"", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "fd00::1/129", "x", "10.0.0.1/3x", "1.2.3"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CHECK(!address_parse(slice_of(wrong[i]), &address));
  CHECK(mac_parse(slice_of("02:00:00:aB:00:ff"), mac) && mac[3] == 0xab && mac[5] == 0xff);
  CHECK(!mac_parse(slice_of("02:00:00:00:00"), mac) && !mac_parse(slice_of("02-00-00-00-00-01"), mac));
}

static void oci_configuration(void) {
  char name[64];
  CHECK(oci_config_terminal(slice_of("{\"process\":{\"terminal\":true,\"args\":[]}}")));
  CHECK(oci_config_terminal(slice_of("{ \"terminal\" :\n true }")));
  CHECK(!oci_config_terminal(slice_of("{\"process\":{\"terminal\":false}}")));
  CHECK(!oci_config_terminal(slice_of("{\"args\":[\"\\\"terminal\\\":true\",\"terminal\"]}")));
  CHECK(!oci_config_terminal(slice_of("\"terminal\":")));
  CHECK(oci_config_hostname(slice_of("{\"env\":[\"hostname\"],\"hostname\":\"web-1\"}"), name, sizeof name));
  CHECK(strcmp(name, "web-1") == 0);
  CHECK(!oci_config_hostname(slice_of("{\"hostname\":\"a\\nb\"}"), name, sizeof name));
  CHECK(!oci_config_hostname(slice_of("{\"hostname\":\"open"), name, sizeof name));
}

const struct test message_tests[] = {
    {"lists, nested messages and oneofs survive encoding and decoding", lists_and_oneofs},
    {"more items than the zone takes are refused", too_many_items},
    {"output frames built around their payload decode as usual", output_frames},
    {"a message that is too large is not encoded", too_large},
    {"strings are bounded and hold no zero byte", strings},
    {"addresses and MACs are parsed strictly", addresses},
    {"terminal and host name are found only where they are keys", oci_configuration},
    {0},
};
