#include "idm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "bounds.h"
#include "dispatch.h"
#include "frame.h"
#include "hello.h"
#include "log.h"
#include "loop.h"
#include "outbox.h"
#include "packet.h"
#include "streams.h"

_Alignas(4096) static uint8_t receive_buffer[receive_buffer_bytes];
static uint8_t outbox_buffer[outbox_bytes];
static uint8_t output_buffer[output_headroom_bytes + output_chunk_bytes + 16];

static struct carrier *carrier;
static struct watch carrier_watch;
static struct timer turn_timer, stall_timer, tidy_timer, away_timer;
static struct frame_decoder decoder;
static struct outbox outbox;
/* The rest of a frame of output that is on its way. */
static struct slice output;
static uint64_t next_id = 2;
static uint32_t connection = 1;
static uint64_t host_window;
static bool host_seen, accepts_requests;
/* Looks for whole frames in what is left of an unfinished one. */
static bool searching;

bool idm_attached(void) { return carrier != NULL; }
uint64_t idm_host_window(void) { return host_window; }
static void turn(struct timer *timer);
void idm_wake(void) {
  if (carrier && !turn_timer.armed) timer_set(&turn_timer, 0, turn);
}

void idm_accept_requests(void) {
  accepts_requests = true;
  idm_wake();
}

/* Room that stays free for answers: requests are only taken while the largest one fits. */
static bool room_for_answer(void) {
  size_t room;
  outbox_room(&outbox, &room);
  return room >= 2 * send_max_bytes;
}

bool idm_send(uint64_t id, idm_Form form, const pb_msgdesc_t *type, const void *message) {
  size_t room;
  uint8_t *frame = outbox_room(&outbox, &room);
  if (!carrier || room <= output_headroom_bytes) return false;
  size_t size = packet_encode(frame, room, id, form, type, message);
  outbox_add(&outbox, size);
  idm_wake();
  return size > 0;
}

bool idm_send_event(const idm_Event *event) {
  size_t room;
  outbox_room(&outbox, &room);
  /* Events never take the room of answers. */
  if (room < send_max_bytes + 4096 || !idm_send(next_id, idm_Form_FORM_EVENT, idm_Event_fields, event)) return false;
  next_id += 2;
  return true;
}

bool reply_pending(const struct reply *reply) { return reply->id != 0 && reply->connection == connection; }

bool reply_take(struct reply *reply, uint64_t *id) {
  bool pending = reply_pending(reply);
  *id = reply->id;
  reply->id = 0;
  return pending;
}

/* A new connection: nothing of the old one may reach it. */
static void forget_connection(void) {
  connection++;
  host_window = 0;
  outbox_drop(&outbox);
  streams_reset();
  /* Answers that ending streams left behind belong to the old connection too. */
  outbox_drop(&outbox);
}

static void handle_hello(uint64_t id, const idm_Hello *hello) {
  forget_connection();
  host_window = hello->stream_window_bytes;
  if (hello->protocol_min > 1 || (hello->protocol_max != 0 && hello->protocol_max < 1)) {
    struct reply reply = {.id = id, .connection = connection};
    reply_error(&reply, code_failed_precondition, "this zone speaks version 1 of IDM, the host %u to %u",
                (unsigned)hello->protocol_min, (unsigned)hello->protocol_max);
    return;
  }
  idm_Response response = {.which_response = idm_Response_hello_tag};
  hello_fill(&response.response.hello);
  idm_send(id, idm_Form_FORM_RESPONSE, idm_Response_fields, &response);
  dispatch_inventory();
}

static void handle_request(const idm_Packet *packet) {
  static idm_Request request;
  uint32_t wait_ms = packet->deadline_ms ? packet->deadline_ms : default_deadline_ms;
  struct reply reply = {.id = packet->id, .connection = connection, .deadline_ms = now_ms() + wait_ms};
  if (packet->id == 0) return;
  if (!packet_decode_data(packet->data, idm_Request_fields, &request, sizeof request))
    reply_error(&reply, code_invalid_argument, "the request cannot be decoded, or has more items than the zone takes");
  else if (request.which_request == idm_Request_hello_tag)
    handle_hello(packet->id, &request.request.hello);
  else
    dispatch_request(&request, packet->data, &reply);
}

static void handle_packet(struct slice bytes) {
  idm_Packet packet;
  if (!packet_decode(bytes, &packet) || packet.channel != 0) return;
  if (packet.form == idm_Form_FORM_REQUEST)
    handle_request(&packet);
  else
    streams_packet(&packet);
}

/* Handles what was received; false while something complete has to wait. */
static bool handle_received(void) {
  while (accepts_requests && room_for_answer()) {
    struct slice packet;
    enum frame_result result = frame_decoder_next(&decoder, &packet);
    if (result == frame_incomplete && !searching) return true;
    if (result == frame_incomplete) {
      searching = decoder.start < decoder.end;
      frame_decoder_give_up(&decoder);
    }
    if (result == frame_packet) handle_packet(packet);
  }
  return false;
}

static void host_gone(void) {
  if (!host_seen) return;
  host_seen = false;
  forget_connection();
  /* The rest of frames that were on their way would only disturb the next host. */
  outbox_start(&outbox, outbox_buffer, sizeof outbox_buffer);
  output.size = 0;
  frame_decoder_drop(&decoder);
}

/* A virtio port tells that the host went away on another queue than the data: the news may come after the next host's
 * hello. There it is believed only when it stays true, and nothing is heard meanwhile. */
static void away_for_a_while(struct timer *timer) {
  (void)timer;
  if (carrier && carrier->host_away(carrier)) host_gone();
}

static void suspect_away(void) {
  if (!carrier->host_away)
    host_gone();
  else if (host_seen && !away_timer.armed)
    timer_set(&away_timer, host_away_ms, away_for_a_while);
}

static void carrier_gone(void) {
  log_line("the channel to the host is gone: %s", strerror(errno));
  timer_clear(&away_timer);
  host_gone();
  watch_remove(&carrier_watch);
  carrier->close(carrier);
  carrier = NULL;
}

/* A host that went away within a frame and came back at once left its beginning; the new host's hello is behind it. */
static void stalled(struct timer *timer) {
  (void)timer;
  searching = true;
  idm_wake();
}

static void tidy(struct timer *timer) {
  (void)timer;
  if (decoder.start == decoder.end) madvise(receive_buffer, sizeof receive_buffer, MADV_DONTNEED);
  dispatch_tidy();
}

/* False when nothing more can be read now. */
static bool receive(void) {
  for (size_t taken = 0; taken < read_turn_bytes;) {
    if (!handle_received()) return false;
    size_t room;
    uint8_t *bytes = frame_decoder_room(&decoder, &room);
    ssize_t got = carrier->read(carrier, bytes, room < 65536 ? room : 65536);
    if (got > 0) {
      host_seen = true;
      frame_decoder_filled(&decoder, (size_t)got);
      taken += (size_t)got;
      timer_set(&tidy_timer, 1000, tidy);
      timer_clear(&stall_timer);
      timer_clear(&away_timer);
      continue;
    }
    if (got == 0)
      suspect_away();
    else if (errno == EINTR)
      continue;
    else if (errno != EAGAIN)
      carrier_gone();
    if (decoder.start != decoder.end && !stall_timer.armed) timer_set(&stall_timer, frame_stall_ms, stalled);
    return false;
  }
  return true;
}

/* Writes one piece; false when the carrier takes no more or nothing is there. Control frames go before output. */
static bool send_piece(void) {
  if (output.size == 0 && outbox_empty(&outbox)) {
    if (!streams_produce(output_buffer + output_headroom_bytes, &output)) output.size = 0;
    dispatch_due_events();
    if (output.size == 0 && outbox_empty(&outbox)) return false;
  }
  bool is_output = output.size > 0;
  struct slice piece = is_output ? output : (struct slice){outbox.bytes + outbox.start, outbox.end - outbox.start};
  ssize_t sent = carrier->write(carrier, piece.data, piece.size);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) carrier_gone();
  if (sent == 0) suspect_away();
  if (sent <= 0) return sent < 0 && errno == EINTR;
  host_seen = true;
  if (is_output)
    output = (struct slice){output.data + sent, output.size - (size_t)sent};
  else
    outbox_sent(&outbox, (size_t)sent);
  return true;
}

static void turn(struct timer *timer) {
  (void)timer;
  bool more = carrier && receive();
  unsigned pieces = 0;
  while (carrier && pieces < write_turn_frames && send_piece()) pieces++;
  /* Requests that waited for room in the outbox may have it now. */
  if (carrier && (more || pieces > 0)) timer_set(&turn_timer, 0, turn);
}

static void carrier_ready(struct watch *watch, uint32_t events) {
  (void)watch;
  if (events & EPOLLHUP) suspect_away();
  timer_set(&turn_timer, 0, turn);
}

void idm_attach(struct carrier *opened) {
  if (!opened || carrier) return;
  carrier = opened;
  frame_decoder_start(&decoder, receive_buffer, sizeof receive_buffer, receive_max_bytes);
  outbox_start(&outbox, outbox_buffer, sizeof outbox_buffer);
  output.size = 0;
  idm_Event event = {.which_event = idm_Event_hello_tag};
  hello_fill(&event.event.hello);
  idm_send_event(&event);
  watch_add(&carrier_watch, carrier->fd, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLET, carrier_ready);
  timer_set(&turn_timer, 0, turn);
}

void idm_flush(uint64_t max_wait_ms) {
  uint64_t until = now_ms() + max_wait_ms;
  while (carrier && !(output.size == 0 && outbox_empty(&outbox))) {
    uint64_t now = now_ms();
    if (now >= until) return;
    if (send_piece()) continue;
    if (carrier) poll(&(struct pollfd){.fd = carrier->fd, .events = carrier->room_event}, 1, (int)(until - now));
  }
}
