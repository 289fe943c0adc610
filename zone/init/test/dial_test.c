#include <arpa/inet.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"
#include "check.h"
#include "frame.h"
#include "loop.h"
#include "packet.h"
#include "streams.h"

enum { megabyte = 1 << 20 };

static struct stream stream;
static uint8_t output[output_headroom_bytes + output_chunk_bytes + 16];
/* What the host has got: bytes of output, and whether it was told of their end. */
static uint8_t got[megabyte];
static size_t got_bytes;
static bool got_end;

/* A server on the loopback, and its end of the connection. */
static int listener = -1, server = -1;

static uint16_t serve(int family) {
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr *to = family == AF_INET ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6;
  socklen_t size = family == AF_INET ? sizeof to4 : sizeof to6;
  listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  CHECK(bind(listener, to, size) == 0 && listen(listener, 1) == 0 && getsockname(listener, to, &size) == 0);
  return ntohs(family == AF_INET ? to4.sin_port : to6.sin6_port);
}

static void dial(const char *address, uint32_t port) {
  CHECK(loop_start());
  signal(SIGPIPE, SIG_IGN);
  got_bytes = got_end = 0;
  stream = (struct stream){.open = true, .id = 7, .credit = UINT64_MAX, .window = stream_window_bytes};
  idm_DialOpen open = {.address = slice_of(address), .port = port};
  dial_open(&stream, &open);
}

/* Lets init and the host do what they can: the host takes all output, and grants what init has consumed. */
static void turn(void) {
  for (int i = 0; i < 5; i++) {
    struct slice frame, bytes;
    loop_turn(1);
    while (stream.open && stream.kind->produce(&stream, output + output_headroom_bytes, &frame)) {
      static uint8_t buffer[2 * send_max_bytes];
      static idm_StreamResponse response;
      struct frame_decoder decoder;
      idm_Packet packet;
      size_t room;
      frame_decoder_start(&decoder, buffer, sizeof buffer, send_max_bytes);
      memcpy(frame_decoder_room(&decoder, &room), frame.data, frame.size);
      frame_decoder_filled(&decoder, frame.size);
      CHECK(frame_decoder_next(&decoder, &bytes) == frame_packet && packet_decode(bytes, &packet));
      CHECK(packet_decode_data(packet.data, idm_StreamResponse_fields, &response, sizeof response));
      const idm_Output *piece = &response.response.output;
      CHECK(packet.id == 7 && piece->offset == got_bytes && !got_end && got_bytes + piece->data.size <= sizeof got);
      if (piece->data.size > 0) memcpy(got + got_bytes, piece->data.data, piece->data.size);
      got_bytes += piece->data.size;
      got_end = piece->end;
    }
    stream.window += stream.due;
    stream.due = 0;
  }
}

static void send_input(const uint8_t *bytes, size_t size, bool closed) {
  idm_StreamRequest request = {.which_request = idm_StreamRequest_stdin_tag};
  request.request.stdin = (idm_Stdin){.data = {bytes, size}, .closed = closed};
  CHECK(stream.open);
  stream.kind->update(&stream, &request);
}

static void accept_server(void) {
  for (int tries = 0; tries < 200 && server < 0; tries++) {
    turn();
    server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }
  CHECK(server >= 0);
  turn();
}

static void connect_server(const char *address, int family) {
  dial(address, serve(family));
  accept_server();
  CHECK(stream.open);
}

static void stop(void) {
  if (stream.open) stream.kind->closed(&stream);
  if (server >= 0) close(server);
  if (listener >= 0) close(listener);
  server = listener = -1;
}

static void both_ways(void) {
  static uint8_t bytes[megabyte], seen[megabyte];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 31 % 251);
  const struct {
    const char *address;
    int family;
  } cases[] = {{"127.0.0.1", AF_INET}, {"::1", AF_INET6}, {"", AF_INET}, {"", AF_INET6}};
  for (size_t which = 0; which < sizeof cases / sizeof *cases; which++) {
    size_t sent = 0, seen_bytes = 0, answered = 0;
    connect_server(cases[which].address, cases[which].family);
    while (sent < sizeof bytes || seen_bytes < sizeof seen || answered < sizeof bytes || got_bytes < sizeof got) {
      size_t piece = sizeof bytes - sent < stream.window ? sizeof bytes - sent : (size_t)stream.window;
      if (piece > 20000) piece = 20000;
      if (piece > 0) send_input(bytes + sent, piece, sent + piece == sizeof bytes);
      sent += piece;
      ssize_t done = read(server, seen + seen_bytes, sizeof seen - seen_bytes);
      if (done > 0) seen_bytes += (size_t)done;
      done = write(server, bytes + answered, sizeof bytes - answered);
      if (done > 0) answered += (size_t)done;
      turn();
    }
    CHECK(memcmp(seen, bytes, sizeof seen) == 0 && memcmp(got, bytes, sizeof got) == 0);
    /* The end of the host's direction arrives, and the other is still open. */
    CHECK(read(server, seen, 1) == 0 && stream.open && !got_end);
    shutdown(server, SHUT_WR);
    turn();
    CHECK(got_end && !stream.open);
    stop();
  }
}

static void their_end_first(void) {
  uint8_t seen[10];
  connect_server("", AF_INET);
  CHECK(write(server, "bye", 3) == 3 && shutdown(server, SHUT_WR) == 0);
  turn();
  CHECK(got_end && got_bytes == 3 && stream.open);
  send_input((const uint8_t *)"still", 5, false);
  turn();
  CHECK(read(server, seen, sizeof seen) == 5 && stream.open);
  send_input(NULL, 0, true);
  turn();
  CHECK(read(server, seen, sizeof seen) == 0 && !stream.open);
  stop();
}

static void input_before_connection(void) {
  uint8_t seen[10];
  dial("127.0.0.1", serve(AF_INET));
  send_input((const uint8_t *)"early", 5, true);
  accept_server();
  CHECK(read(server, seen, sizeof seen) == 5 && read(server, seen, sizeof seen) == 0);
  stop();
}

static void no_credit(void) {
  connect_server("", AF_INET);
  stream.credit = 2;
  CHECK(write(server, "12345", 5) == 5);
  turn();
  CHECK(got_bytes == 2 && stream.credit == 0);
  stream.credit = 100;
  turn();
  CHECK(got_bytes == 5 && memcmp(got, "12345", 5) == 0);
  stop();
}

static void slow_server(void) {
  static uint8_t bytes[stream_window_bytes];
  connect_server("", AF_INET);
  /* A server that does not read gets only as much as the kernel holds for it; the rest is not granted again. */
  size_t sent = 0;
  for (; stream.window > 0 && sent < 64 * megabyte; turn()) {
    size_t piece = stream.window < sizeof bytes ? (size_t)stream.window : sizeof bytes;
    sent += piece;
    send_input(bytes, piece, false);
  }
  CHECK(stream.window == 0 && stream.open);
  size_t seen = 0;
  for (ssize_t done; seen < sent; turn())
    while ((done = read(server, got, sizeof got)) > 0) seen += (size_t)done;
  CHECK(stream.window == stream_window_bytes);
  stop();
}

static void refused(void) {
  uint16_t port = serve(AF_INET);
  close(listener);
  listener = -1;
  const char *addresses[] = {"127.0.0.1", "::1", ""};
  for (size_t i = 0; i < 3; i++) {
    dial(addresses[i], port);
    turn();
    CHECK(!stream.open);
  }
  stop();
}

static void nonsense(void) {
  const struct {
    const char *address;
    uint32_t port;
  } cases[] = {{"", 0}, {"", 65536}, {"localhost", 80}, {"10.0.0.1/8", 80}, {"::1%lo", 80}, {"256.0.0.1", 80}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    dial(cases[i].address, cases[i].port);
    CHECK(!stream.open);
  }
}

static void reset(void) {
  const struct linger hard = {.l_onoff = 1};
  connect_server("", AF_INET);
  setsockopt(server, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close(server);
  server = -1;
  turn();
  CHECK(!stream.open && !got_end);
  stop();
  /* After its end, the other end takes no more. */
  connect_server("", AF_INET);
  close(server);
  server = -1;
  turn();
  CHECK(got_end && stream.open);
  for (int i = 0; i < 3 && stream.open; i++) {
    send_input((const uint8_t *)"late", 4, false);
    turn();
  }
  CHECK(!stream.open);
  stop();
}

static void given_up(void) {
  uint8_t seen[10];
  connect_server("", AF_INET);
  stream.kind->closed(&stream);
  stream.open = false;
  CHECK(read(server, seen, sizeof seen) == 0);
  stop();
}

static void run_out(void) {
  static struct stream all[dial_limit];
  uint16_t port = serve(AF_INET);
  idm_DialOpen open = {.port = port};
  for (unsigned i = 0; i < dial_limit; i++) {
    all[i] = (struct stream){.open = true, .id = i};
    dial_open(&all[i], &open);
    CHECK(all[i].open);
  }
  dial("", port);
  CHECK(!stream.open);
  for (unsigned i = 0; i < dial_limit; i++) all[i].kind->closed(&all[i]);
  dial("", port);
  CHECK(stream.open);
  stop();
}

const struct test dial_tests[] = {
    {"a megabyte each way arrives unchanged in both families, and one direction may end before the other", both_ways},
    {"a server that has ended its direction still gets what the host sends", their_end_first},
    {"what the host sends before the connection is made waits for it", input_before_connection},
    {"nothing is sent to the host without credit", no_credit},
    {"a server that does not read holds up the host and nobody else", slow_server},
    {"a port where nobody listens ends the stream", refused},
    {"what is no address or port is refused", nonsense},
    {"a connection that is reset ends the stream", reset},
    {"closing the stream closes the connection", given_up},
    {"there is a bound on connections, and each is used again", run_out},
    {0},
};
