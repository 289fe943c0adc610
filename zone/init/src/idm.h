#ifndef IDM_H
#define IDM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "carrier.h"
#include "idm.pb.h"

/* The connection with the host: frames in and out, requests and their answers. Streams are in streams.h. */

/* Codes of gRPC and Connect. */
enum code {
  code_cancelled = 1,
  code_invalid_argument = 3,
  code_deadline_exceeded = 4,
  code_not_found = 5,
  code_already_exists = 6,
  code_permission_denied = 7,
  code_resource_exhausted = 8,
  code_failed_precondition = 9,
  code_aborted = 10,
  code_unimplemented = 12,
  code_internal = 13,
  code_unavailable = 14,
};

/* The right and duty to answer one request; answers of an earlier connection go nowhere. */
struct reply {
  uint64_t id;
  uint32_t connection;
  /* When the host stops waiting, as now_ms() counts. */
  uint64_t deadline_ms;
};

/* Takes a carrier and announces the zone; NULL means none is open. */
void idm_attach(struct carrier *carrier);
bool idm_attached(void);

/* Requests are left in the carrier until this is called: hello goes out before the zone can do anything. */
void idm_accept_requests(void);

/* Says that a stream may have something to send. */
void idm_wake(void);

/* Tries to send all control frames now, waiting at most `max_wait_ms`. */
void idm_flush(uint64_t max_wait_ms);

/* True while the request waits for its answer on this connection. */
bool reply_pending(const struct reply *reply);
/* For reply.c: takes the right to answer; false when nobody waits any more. */
bool reply_take(struct reply *reply, uint64_t *id);
void reply_done(struct reply *reply);
void reply_response(struct reply *reply, const idm_Response *response);
__attribute__((format(printf, 3, 4))) void reply_error(struct reply *reply, enum code code, const char *format, ...);

/* False when it has to be tried later. */
bool idm_send_event(const idm_Event *event);
/* Logs, and tells the host when there is room for it. */
__attribute__((format(printf, 1, 2))) void warn(const char *format, ...);

/* For streams.c: sends a packet with this id; the message may be NULL. */
bool idm_send(uint64_t id, idm_Form form, const pb_msgdesc_t *type, const void *message);

/* Window that the host grants on each new stream; 0 before its hello. */
uint64_t idm_host_window(void);

#endif
