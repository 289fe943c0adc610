#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "carrier.h"
#include "check.h"
#include "dispatch.h"
#include "frame.h"
#include "loop.h"
#include "packet.h"
#include "streams.h"

/* The host's end of the fake carrier, and what it has received. */
static int host = -1;
static bool host_away;
static uint8_t host_buffer[4 << 20];
static struct frame_decoder host_decoder;
static uint64_t next_id = 1;

/* What the rest of init would do. */
static unsigned pings, streams_closed, inventories;
static size_t to_send[stream_limit];
static struct stream *opened[stream_limit];
static unsigned opened_count;
static struct reply late_reply;

void dispatch_request(const idm_Request *request, struct slice raw, const struct reply *reply) {
  struct reply answer = *reply;
  if (request->which_request == idm_Request_shutdown_tag) {
    late_reply = answer;
    return;
  }
  CHECK(request->which_request == idm_Request_ping_tag);
  pings++;
  idm_Response response = {.which_response = idm_Response_ping_tag};
  response.response.ping.payload = request->request.ping.payload;
  reply_response(&answer, &response);
}

void dispatch_inventory(void) { inventories++; }
void dispatch_due_events(void) {}
void dispatch_tidy(void) {}

static bool produce(struct stream *stream, uint8_t *output, struct slice *frame) {
  size_t *left = stream->owner;
  size_t size = *left < 1000 ? *left : 1000;
  if (size > stream->credit) size = (size_t)stream->credit;
  if (size == 0) return false;
  memset(output, 7, size);
  *frame = packet_output(output, size, stream->id, 1, 0, false);
  *left -= size;
  stream->credit -= size;
  return true;
}

static void update(struct stream *stream, const idm_StreamRequest *request) {
  size_t size = request->request.stdin.data.size;
  if (stream_receive(stream, size)) stream_consumed(stream, request->request.stdin.closed ? size : 0);
}

static void closed(struct stream *stream) {
  streams_closed++;
  stream->owner = NULL;
}

static const struct stream_kind kind = {.produce = produce, .update = update, .closed = closed};

void exec_open(struct stream *stream, const idm_ExecOpen *open) {
  stream->kind = &kind;
  stream->owner = &to_send[opened_count % stream_limit];
  opened[opened_count++ % stream_limit] = stream;
}

void workload_io_open(struct stream *stream, const idm_WorkloadIoOpen *open) {
  stream_fail(stream, code_not_found, "no workload");
}

static ssize_t carrier_read(struct carrier *carrier, void *bytes, size_t size) {
  ssize_t got = recv(carrier->fd, bytes, size, MSG_DONTWAIT);
  return got == 0 || (got < 0 && host_away) ? 0 : got;
}

static ssize_t carrier_write(struct carrier *carrier, const void *bytes, size_t size) {
  if (host_away && !carrier->host_away) return 0;
  return send(carrier->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static bool carrier_host_away(struct carrier *asked) { return host_away; }

static void carrier_close(struct carrier *carrier) { close(carrier->fd); }

static struct carrier carrier = {
    .read = carrier_read, .write = carrier_write, .host_away = carrier_host_away, .close = carrier_close};

static void settle(void) {
  for (int quiet = 0; quiet < 3;) {
    uint64_t before = now_ms();
    loop_turn(2);
    quiet = now_ms() - before >= 2 ? quiet + 1 : 0;
  }
}

/* Connects once for all tests: init has one channel for its whole life. */
static void connect_host(void) {
  if (host < 0) {
    int pair[2], size = 1 << 16;
    CHECK(loop_start() && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    host = pair[1];
    carrier.fd = pair[0];
    frame_decoder_start(&host_decoder, host_buffer, sizeof host_buffer, send_max_bytes);
    idm_attach(&carrier);
    idm_accept_requests();
  }
  opened_count = streams_closed = pings = inventories = 0;
  memset(to_send, 0, sizeof to_send);
}

static void send_bytes(const void *bytes, size_t size) {
  for (size_t at = 0; at < size;) {
    ssize_t sent = send(host, (const uint8_t *)bytes + at, size - at, MSG_DONTWAIT);
    if (sent > 0) at += (size_t)sent;
    else settle();
  }
}

static uint64_t send_packet_as(uint64_t id, idm_Form form, const pb_msgdesc_t *type, const void *message) {
  static uint8_t frame[send_max_bytes];
  size_t size = packet_encode(frame, sizeof frame, id, form, type, message);
  CHECK(size > 0);
  send_bytes(frame, size);
  return id;
}

static uint64_t send_packet(idm_Form form, const pb_msgdesc_t *type, const void *message) {
  next_id += 2;
  return send_packet_as(next_id, form, type, message);
}

/* The next packet that the host gets; false when there is none. */
static bool receive(idm_Packet *packet) {
  for (int tries = 0; tries < 3; tries++) {
    struct slice bytes;
    enum frame_result result = frame_decoder_next(&host_decoder, &bytes);
    if (result == frame_packet) return packet_decode(bytes, packet);
    if (result == frame_damaged) continue;
    size_t room;
    uint8_t *to = frame_decoder_room(&host_decoder, &room);
    settle();
    ssize_t got = recv(host, to, room, MSG_DONTWAIT);
    if (got > 0) {
      frame_decoder_filled(&host_decoder, (size_t)got);
      tries = -1;
    }
  }
  return false;
}

static void say_hello(uint32_t window) {
  idm_Request request = {.which_request = idm_Request_hello_tag};
  idm_Packet packet;
  request.request.hello = (idm_Hello){.protocol_min = 1, .protocol_max = 1, .stream_window_bytes = window};
  uint64_t id = send_packet(idm_Form_FORM_REQUEST, idm_Request_fields, &request);
  do CHECK(receive(&packet));
  while (packet.id != id);
  CHECK(packet.form == idm_Form_FORM_RESPONSE && inventories > 0);
}

static uint64_t ping(size_t bytes) {
  static uint8_t payload[65536];
  idm_Request request = {.which_request = idm_Request_ping_tag};
  request.request.ping.payload = (struct slice){payload, bytes};
  return send_packet(idm_Form_FORM_REQUEST, idm_Request_fields, &request);
}

static uint64_t open_exec(void) {
  static idm_StreamRequest request = {.which_request = idm_StreamRequest_exec_tag};
  return send_packet(idm_Form_FORM_STREAM_REQUEST, idm_StreamRequest_fields, &request);
}

static void hello_first(void) {
  idm_Packet packet;
  static idm_Event event;
  connect_host();
  CHECK(receive(&packet) && packet.form == idm_Form_FORM_EVENT);
  CHECK(packet_decode_data(packet.data, idm_Event_fields, &event, sizeof event));
  CHECK(event.which_event == idm_Event_hello_tag && event.event.hello.receive_max_bytes == receive_max_bytes);
  CHECK(event.event.hello.boot_id.size == 16 && packet.id % 2 == 0);
  say_hello(65536);
}

static void undecodable(void) {
  idm_Packet packet;
  static idm_Error error;
  connect_host();
  say_hello(65536);
  /* A request whose content is cut short, and one of a kind from the future. */
  uint8_t frame[64] = {0}, *body = frame + frame_header_bytes;
  const uint8_t broken[] = {0x08, 0x7f, 0x18, 0x03, 0x22, 0x02, 0x12, 0x09};
  memcpy(body, broken, sizeof broken);
  send_bytes(frame, frame_seal(frame, sizeof broken));
  CHECK(receive(&packet) && packet.id == 0x7f && packet.form == idm_Form_FORM_ERROR);
  CHECK(packet_decode_data(packet.data, idm_Error_fields, &error, sizeof error) && error.code == code_invalid_argument);
  CHECK(ping(10) && receive(&packet) && packet.form == idm_Form_FORM_RESPONSE);
}

static void resynchronises(void) {
  static uint8_t garbage[100000];
  idm_Packet packet;
  connect_host();
  say_hello(65536);
  for (size_t i = 0; i < sizeof garbage; i++) garbage[i] = (uint8_t)(i * 31 % 255);
  send_bytes(garbage, sizeof garbage);
  send_bytes("\xff\xff\x00\x00\x00\x7f", 6);
  uint64_t id = ping(300);
  CHECK(receive(&packet) && packet.id == id);
}

static void partial_frame_then_new_host(void) {
  uint8_t frame[512] = {0};
  idm_Packet packet;
  connect_host();
  say_hello(65536);
  frame_seal(frame, 400);
  send_bytes(frame, 200);
  settle();
  /* The carrier reports that the host has gone away. */
  host_away = true;
  send_bytes("", 1);
  for (uint64_t until = now_ms() + 2 * host_away_ms; now_ms() < until;) loop_turn(10);
  host_away = false;
  say_hello(65536);
  CHECK(ping(20) && receive(&packet) && packet.form == idm_Form_FORM_RESPONSE && pings == 1);
}

static void late_news_of_absence(void) {
  idm_Packet packet;
  connect_host();
  say_hello(0);
  open_exec();
  settle();
  CHECK(opened_count == 1);
  /* A read says that the host is away, but the next host is there already. */
  host_away = true;
  send_bytes("", 1);
  settle();
  host_away = false;
  for (uint64_t until = now_ms() + 2 * host_away_ms; now_ms() < until;) loop_turn(10);
  CHECK(streams_closed == 0);
  uint64_t id = ping(10);
  CHECK(receive(&packet) && packet.id == id);
  say_hello(0);
}

static void certain_absence(void) {
  uint8_t frame[512] = {0};
  idm_Packet packet;
  connect_host();
  carrier.host_away = NULL;
  say_hello(0);
  open_exec();
  frame_seal(frame, 400);
  send_bytes(frame, 200);
  settle();
  host_away = true;
  idm_wake();
  loop_turn(0);
  CHECK(streams_closed == 1);
  host_away = false;
  say_hello(0);
  CHECK(ping(20) && receive(&packet) && packet.form == idm_Form_FORM_RESPONSE && pings == 1);
  /* Also when nothing is read because answers that the host did not take fill the outbox. */
  open_exec();
  for (int i = 0; i < 8; i++) ping(60000);
  settle();
  CHECK(opened_count == 2 && pings < 9);
  host_away = true;
  idm_wake();
  loop_turn(0);
  CHECK(streams_closed == 2);
  host_away = false;
  /* What a carrier throws away then. */
  while (recv(host, host_buffer, sizeof host_buffer, MSG_DONTWAIT) > 0) continue;
  frame_decoder_start(&host_decoder, host_buffer, sizeof host_buffer, send_max_bytes);
  say_hello(0);
  carrier.host_away = carrier_host_away;
}

static void partial_frame_unnoticed(void) {
  static uint8_t frame[4096];
  idm_Packet packet;
  connect_host();
  say_hello(65536);
  /* Its payload is full of what may be the start of a frame. */
  memset(frame, 0xff, sizeof frame);
  for (size_t i = 8; i < 2000; i += 8) memcpy(frame + i, "\xff\xff\x00\x40\x00\x00", 6);
  frame_seal(frame, 3000);
  send_bytes(frame, 2000);
  uint64_t id = ping(20);
  CHECK(!receive(&packet) && pings == 0);
  for (uint64_t until = now_ms() + frame_stall_ms + 500; now_ms() < until && pings == 0;) loop_turn(50);
  CHECK(receive(&packet) && packet.id == id);
}

static void other_channels(void) {
  uint8_t frame[64], *body = frame + frame_header_bytes;
  idm_Packet packet;
  connect_host();
  say_hello(65536);
  const uint8_t foreign[] = {0x08, 0x05, 0x10, 0x02, 0x18, 0x03, 0x22, 0x02, 0x12, 0x00};
  memcpy(body, foreign, sizeof foreign);
  send_bytes(frame, frame_seal(frame, sizeof foreign));
  CHECK(!receive(&packet) && pings == 0);
}

static void reused_ids(void) {
  idm_Packet packet;
  connect_host();
  say_hello(0);
  uint64_t id = open_exec();
  settle();
  CHECK(opened_count == 1);
  static idm_StreamRequest request = {.which_request = idm_StreamRequest_exec_tag};
  send_packet_as(id, idm_Form_FORM_STREAM_REQUEST, idm_StreamRequest_fields, &request);
  settle();
  CHECK(opened_count == 1 && opened[0]->open);
  /* A new connection begins with nothing of the old one, and may use its ids. */
  say_hello(0);
  CHECK(streams_closed == 1);
  send_packet_as(id, idm_Form_FORM_STREAM_REQUEST, idm_StreamRequest_fields, &request);
  settle();
  CHECK(opened_count == 2 && !receive(&packet));
  say_hello(0);
}

static void old_answers(void) {
  idm_Packet packet;
  idm_Request request = {.which_request = idm_Request_shutdown_tag};
  connect_host();
  say_hello(0);
  send_packet(idm_Form_FORM_REQUEST, idm_Request_fields, &request);
  settle();
  CHECK(reply_pending(&late_reply));
  say_hello(0);
  CHECK(!reply_pending(&late_reply));
  reply_done(&late_reply);
  CHECK(!receive(&packet));
}

static size_t output_bytes(void) {
  static idm_StreamResponse response;
  idm_Packet packet;
  size_t bytes = 0;
  while (receive(&packet)) {
    CHECK(packet.form == idm_Form_FORM_STREAM_RESPONSE_UPDATE);
    CHECK(packet_decode_data(packet.data, idm_StreamResponse_fields, &response, sizeof response));
    bytes += response.response.output.data.size;
  }
  return bytes;
}

static void output_credit(void) {
  connect_host();
  say_hello(2500);
  to_send[0] = 10000;
  uint64_t id = open_exec();
  CHECK(output_bytes() == 2500);
  idm_Credit credit = {.bytes = 700};
  send_packet_as(id, idm_Form_FORM_CREDIT, idm_Credit_fields, &credit);
  CHECK(output_bytes() == 700);
  credit.bytes = UINT64_MAX;
  send_packet_as(id, idm_Form_FORM_CREDIT, idm_Credit_fields, &credit);
  send_packet_as(id, idm_Form_FORM_CREDIT, idm_Credit_fields, &credit);
  CHECK(output_bytes() == 10000 - 3200);
  say_hello(0);
}

static void input_credit(void) {
  static uint8_t bytes[40000];
  static idm_StreamRequest request = {.which_request = idm_StreamRequest_stdin_tag};
  idm_Packet packet;
  idm_Credit credit;
  static idm_Error error;
  connect_host();
  say_hello(0);
  uint64_t id = open_exec();
  /* Consumed at once: granted again when half of the window is used. */
  request.request.stdin = (idm_Stdin){.data = {bytes, 20000}, .closed = true};
  send_packet_as(id, idm_Form_FORM_STREAM_REQUEST_UPDATE, idm_StreamRequest_fields, &request);
  CHECK(!receive(&packet));
  send_packet_as(id, idm_Form_FORM_STREAM_REQUEST_UPDATE, idm_StreamRequest_fields, &request);
  CHECK(receive(&packet) && packet.form == idm_Form_FORM_CREDIT);
  CHECK(packet_decode_data(packet.data, idm_Credit_fields, &credit, sizeof credit) && credit.bytes == 40000);
  /* Not consumed: more than the window ends the stream. */
  request.request.stdin = (idm_Stdin){.data = {bytes, 40000}, .closed = false};
  send_packet_as(id, idm_Form_FORM_STREAM_REQUEST_UPDATE, idm_StreamRequest_fields, &request);
  CHECK(!receive(&packet) && streams_closed == 0);
  send_packet_as(id, idm_Form_FORM_STREAM_REQUEST_UPDATE, idm_StreamRequest_fields, &request);
  CHECK(receive(&packet) && packet.form == idm_Form_FORM_ERROR && streams_closed == 1);
  CHECK(packet_decode_data(packet.data, idm_Error_fields, &error, sizeof error) &&
        error.code == code_resource_exhausted);
}

static void streams_run_out(void) {
  idm_Packet packet;
  connect_host();
  say_hello(0);
  for (unsigned i = 0; i < stream_limit; i++) open_exec();
  settle();
  CHECK(opened_count == stream_limit && !receive(&packet));
  uint64_t id = open_exec();
  CHECK(receive(&packet) && packet.id == id && packet.form == idm_Form_FORM_ERROR);
  say_hello(0);
  CHECK(streams_closed == stream_limit);
  CHECK(open_exec() && !receive(&packet));
  say_hello(0);
}

static void full_outbox(void) {
  idm_Packet packet;
  connect_host();
  say_hello(0);
  /* The host does not read: requests have to wait, and none is lost. */
  unsigned sent = 0;
  for (; sent < 40; sent++) {
    static uint8_t payload[60000];
    static uint8_t frame[send_max_bytes];
    idm_Request request = {.which_request = idm_Request_ping_tag};
    request.request.ping.payload = (struct slice){payload, sizeof payload};
    next_id += 2;
    size_t size = packet_encode(frame, sizeof frame, next_id, idm_Form_FORM_REQUEST, idm_Request_fields, &request);
    size_t at = 0;
    for (int tries = 0; at < size && tries < 20; tries++) {
      ssize_t done = send(host, frame + at, size - at, MSG_DONTWAIT);
      if (done > 0) at += (size_t)done;
      else settle();
    }
    if (at == size) continue;
    /* Now nothing moves any more; reading frees it. */
    CHECK(pings < sent);
    CHECK(receive(&packet) && packet.form == idm_Form_FORM_RESPONSE);
    send_bytes(frame + at, size - at);
    sent++;
    break;
  }
  unsigned answers = 1;
  CHECK(sent < 40);
  while (receive(&packet)) answers += packet.form == idm_Form_FORM_RESPONSE;
  CHECK(answers == sent && pings == sent);
}

static void control_before_output(void) {
  idm_Packet packet;
  connect_host();
  say_hello(1 << 20);
  to_send[0] = 1 << 20;
  open_exec();
  for (int i = 0; i < 20; i++) loop_turn(1);
  uint64_t id = ping(8);
  unsigned before = 0;
  for (; receive(&packet) && packet.id != id; before++) continue;
  /* At most what the carrier holds already. */
  CHECK(packet.id == id && before < 400);
  say_hello(0);
}

const struct test idm_tests[] = {
    {"the zone says hello before anything else", hello_first},
    {"a request that cannot be decoded gets an error", undecodable},
    {"garbage and oversized lengths are passed over", resynchronises},
    {"a frame that the host left unfinished does not disturb the next host", partial_frame_then_new_host},
    {"late news that the host was away does not end the connection of the next", late_news_of_absence},
    {"news that is certain ends it at once, whether init reads or only writes", certain_absence},
    {"a frame whose host's end nobody noticed is given up after a while, and what is behind it found", partial_frame_unnoticed},
    {"packets of other channels are ignored", other_channels},
    {"a taken id disturbs nothing, and a new connection may use it", reused_ids},
    {"an answer to a lost connection goes nowhere", old_answers},
    {"output never exceeds the host's credit", output_credit},
    {"input is granted again as it is consumed, and no more is taken", input_credit},
    {"streams beyond the limit are refused", streams_run_out},
    {"requests wait while answers do not fit", full_outbox},
    {"answers overtake output", control_before_output},
    {0},
};
