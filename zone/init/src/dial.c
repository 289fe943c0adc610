#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "bounds.h"
#include "input.h"
#include "packet.h"
#include "streams.h"

/* A TCP connection that the host has asked for. What comes stays in the socket until there is credit for it. */
struct dial {
  /* NULL: the slot is free. */
  struct stream *stream;
  /* The loopback has one of each family, tried in this order. */
  struct address target[2];
  unsigned targets, tried;
  uint16_t port;
  /* Why the first of them failed. */
  int error;
  bool connected;
  /* -1 once nothing more comes; `input` has a descriptor of its own. */
  int fd;
  bool readable;
  bool end_sent;
  uint64_t offset;
  struct watch watch;
  struct timer timeout;
  struct input input;
};

static struct dial dials[dial_limit];

static void close_socket(struct dial *dial) {
  watch_remove(&dial->watch);
  if (dial->fd >= 0) close(dial->fd);
  dial->fd = -1;
}

/* The stream is over, or on its way to be. */
static struct stream *release(struct dial *dial) {
  struct stream *stream = dial->stream;
  dial->stream = NULL;
  timer_clear(&dial->timeout);
  close_socket(dial);
  input_stop(&dial->input);
  return stream;
}

static void fail_connecting(struct dial *dial, int error) {
  char text[INET6_ADDRSTRLEN];
  const struct address *target = &dial->target[0];
  inet_ntop(target->family, target->bytes, text, sizeof text);
  unsigned port = dial->port;
  stream_fail(release(dial), code_unavailable, "%s port %u: %s", text, port, strerror(error));
}

static void fail_reset(struct dial *dial) {
  stream_fail(release(dial), code_aborted, "the other end has reset the connection");
}

static void readable(struct watch *watch, uint32_t events) {
  (void)events;
  watch_remove(watch);
  owner_of(watch, struct dial, watch)->readable = true;
  idm_wake();
}

static bool end_output(struct dial *dial, uint8_t *payload, struct slice *frame) {
  close_socket(dial);
  dial->end_sent = true;
  idm_OutputStream name = idm_OutputStream_OUTPUT_STREAM_STDOUT;
  *frame = packet_output(payload, 0, dial->stream->id, name, dial->offset, true);
  return true;
}

static bool produce(struct stream *stream, uint8_t *payload, struct slice *frame) {
  struct dial *dial = stream->owner;
  if (!dial->connected) return false;
  if (dial->end_sent) {
    if (dial->input.failed)
      fail_reset(dial);
    else if (dial->input.fd == input_nowhere)
      stream_finish(release(dial));
    return false;
  }
  if (!dial->readable || stream->credit == 0) return false;
  size_t wanted = stream->credit < output_chunk_bytes ? (size_t)stream->credit : output_chunk_bytes;
  ssize_t got = read(dial->fd, payload, wanted);
  if (got == 0) return end_output(dial, payload, frame);
  if (got > 0) {
    stream->credit -= (uint64_t)got;
    *frame = packet_output(payload, (size_t)got, stream->id, idm_OutputStream_OUTPUT_STREAM_STDOUT, dial->offset, false);
    dial->offset += (uint64_t)got;
    return true;
  }
  if (errno == EAGAIN) {
    dial->readable = false;
    watch_add(&dial->watch, dial->fd, EPOLLIN, readable);
  } else if (errno != EINTR) {
    fail_reset(dial);
  }
  return false;
}

static void update(struct stream *stream, const idm_StreamRequest *update) {
  struct dial *dial = stream->owner;
  if (update->which_request != idm_StreamRequest_stdin_tag) return;
  const idm_Stdin *input = &update->request.stdin;
  if (!stream_receive(stream, input->data.size)) return;
  input_add(&dial->input, input->data);
  if (input->closed) input_end(&dial->input);
  idm_wake();
}

static void closed(struct stream *stream) { release(stream->owner); }

static const struct stream_kind kind = {.produce = produce, .update = update, .closed = closed};

static void consumed(struct input *input, size_t bytes) {
  struct dial *dial = owner_of(input, struct dial, input);
  if (dial->stream) stream_consumed(dial->stream, bytes);
}

static void timed_out(struct timer *timer) { fail_connecting(owner_of(timer, struct dial, timeout), ETIMEDOUT); }

static void connected(struct dial *dial) {
  int on = 1, writing = fcntl(dial->fd, F_DUPFD_CLOEXEC, 3);
  if (writing < 0) {
    fail_connecting(dial, errno);
    return;
  }
  timer_clear(&dial->timeout);
  setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  dial->connected = dial->readable = true;
  input_attach(&dial->input, writing);
  idm_wake();
}

static void connecting_over(struct watch *watch, uint32_t events);

static bool start_connecting(struct dial *dial, const struct address *target) {
  struct sockaddr_in to4 = {.sin_family = AF_INET, .sin_port = htons(dial->port)};
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(dial->port)};
  bool is4 = target->family == AF_INET;
  memcpy(is4 ? (void *)&to4.sin_addr : (void *)&to6.sin6_addr, target->bytes, target->size);
  dial->fd = socket(target->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (dial->fd < 0) return false;
  const struct sockaddr *to = is4 ? (const struct sockaddr *)&to4 : (const struct sockaddr *)&to6;
  if (connect(dial->fd, to, is4 ? sizeof to4 : sizeof to6) < 0 && errno != EINPROGRESS) return false;
  return watch_add(&dial->watch, dial->fd, EPOLLOUT, connecting_over);
}

/* Tries the remaining targets. */
static void connect_next(struct dial *dial) {
  while (dial->tried < dial->targets) {
    if (start_connecting(dial, &dial->target[dial->tried])) return;
    if (dial->tried++ == 0) dial->error = errno;
    close_socket(dial);
  }
  fail_connecting(dial, dial->error);
}

static void connecting_over(struct watch *watch, uint32_t events) {
  (void)events;
  struct dial *dial = owner_of(watch, struct dial, watch);
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
  watch_remove(watch);
  if (error == 0) {
    connected(dial);
    return;
  }
  if (dial->tried++ == 0) dial->error = error;
  close_socket(dial);
  connect_next(dial);
}

static bool set_targets(struct dial *dial, struct slice text) {
  if (text.size == 0) {
    address_parse(slice_of("127.0.0.1"), &dial->target[0]);
    address_parse(slice_of("::1"), &dial->target[1]);
    dial->targets = 2;
    return true;
  }
  dial->targets = 1;
  return !memchr(text.data, '/', text.size) && address_parse(text, &dial->target[0]);
}

void dial_open(struct stream *stream, const idm_DialOpen *open) {
  struct dial *dial = NULL;
  for (unsigned i = 0; i < dial_limit && !dial; i++)
    if (!dials[i].stream) dial = &dials[i];
  if (!dial) {
    stream_fail(stream, code_resource_exhausted, "the zone has %d dialled connections already", dial_limit);
    return;
  }
  *dial = (struct dial){.port = (uint16_t)open->port, .fd = -1};
  if (open->port == 0 || open->port > UINT16_MAX || !set_targets(dial, open->address)) {
    stream_fail(stream, code_invalid_argument, "no address of a zone, or no port");
    return;
  }
  dial->stream = stream;
  stream->kind = &kind;
  stream->owner = dial;
  input_start(&dial->input, input_awaited, false, consumed);
  timer_set(&dial->timeout, dial_timeout_ms, timed_out);
  connect_next(dial);
}
