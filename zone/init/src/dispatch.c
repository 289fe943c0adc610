#include "dispatch.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "configure.h"
#include "cpus.h"
#include "disks.h"
#include "entropy.h"
#include "metrics.h"
#include "shutdown.h"
#include "workloads.h"

enum { ping_max_bytes = 64 * 1024 };

static void ping(const idm_Ping *request, struct reply *reply) {
  idm_Response response = {.which_response = idm_Response_ping_tag};
  response.response.ping.payload = request->payload;
  if (request->payload.size > ping_max_bytes)
    reply_error(reply, code_invalid_argument, "a ping carries at most %d bytes", ping_max_bytes);
  else
    reply_response(reply, &response);
}

static void metrics(const idm_MetricsRequest *request, struct reply *reply) {
  static idm_Response response;
  memset(&response, 0, sizeof response);
  response.which_response = idm_Response_metrics_tag;
  metrics_fill(&response.response.metrics, request->processes);
  reply_response(reply, &response);
}

static void set_clock(const idm_SetClockRequest *request, struct reply *reply) {
  if (clock_set(request->clock_unix_ns) && entropy_add(request->random_seed))
    reply_done(reply);
  else
    reply_error(reply, errno == EINVAL ? code_invalid_argument : code_internal, "clock or seed: %s", strerror(errno));
}

void dispatch_request(const idm_Request *request, struct slice raw, const struct reply *waiting) {
  struct reply reply = *waiting;
  switch (request->which_request) {
    case idm_Request_ping_tag:
      ping(&request->request.ping, &reply);
      break;
    case idm_Request_metrics_tag:
      metrics(&request->request.metrics, &reply);
      break;
    case idm_Request_configure_tag:
      configure(raw, &reply);
      break;
    case idm_Request_set_clock_tag:
      set_clock(&request->request.set_clock, &reply);
      break;
    case idm_Request_create_workload_tag:
      workloads_create(&request->request.create_workload, &reply);
      break;
    case idm_Request_start_workload_tag:
      workloads_start(&request->request.start_workload, &reply);
      break;
    case idm_Request_signal_workload_tag:
      workloads_signal(&request->request.signal_workload, &reply);
      break;
    case idm_Request_destroy_workload_tag:
      workloads_destroy(&request->request.destroy_workload, &reply);
      break;
    case idm_Request_acknowledge_exit_tag:
      workloads_acknowledge_exit(&request->request.acknowledge_exit, &reply);
      break;
    case idm_Request_shutdown_tag:
      shutdown_zone(request->request.shutdown.grace_ms, &reply);
      break;
    case idm_Request_set_cpus_tag:
      cpus_set(&request->request.set_cpus, &reply);
      break;
    default:
      reply_error(&reply, code_unimplemented, "the zone knows no request of this kind");
  }
}

void dispatch_inventory(void) {
  static idm_Event event;
  memset(&event, 0, sizeof event);
  event.which_event = idm_Event_inventory_tag;
  event.event.inventory.configured = configure_done();
  workloads_inventory(&event.event.inventory);
  disks_list(&event.event.inventory.disk_serials);
  idm_send_event(&event);
}

void dispatch_due_events(void) { workloads_send_due_exits(); }
void dispatch_tidy(void) { workloads_tidy(); }
