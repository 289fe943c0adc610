#include "workloads.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "bounds.h"
#include "cgroup.h"
#include "configure.h"
#include "oci_config.h"
#include "workload.h"

static struct workload workloads[workload_limit];

static bool valid_id(struct slice id) {
  if (id.size != sizeof workloads[0].id - 1) return false;
  for (size_t i = 0; i < id.size; i++) {
    uint8_t digit = id.data[i];
    if (!(digit >= '0' && digit <= '9') && !(digit >= 'a' && digit <= 'f') && digit != '-') return false;
  }
  return true;
}

struct workload *workload_find(struct slice id) {
  for (unsigned i = 0; i < workload_limit; i++)
    if (workloads[i].step != workload_free && slice_equals(id, workloads[i].id)) return &workloads[i];
  return NULL;
}

static struct workload *find_or_refuse(struct slice id, struct reply *reply) {
  struct workload *workload = workload_find(id);
  if (!workload || workload->step == workload_awaiting_disk || workload->step == workload_removing) {
    reply_error(reply, code_not_found, "the zone has no workload %.*s", (int)(id.size < 64 ? id.size : 64),
                (const char *)id.data);
    return NULL;
  }
  return workload;
}

/* True for none, and for one that waits for its disk on behalf of a connection that is gone. */
static bool abandoned(const struct workload *workload) {
  return !workload || (workload->step == workload_awaiting_disk && !reply_pending(&workload->create_reply));
}

static bool create_allowed(const idm_CreateWorkloadRequest *request, struct reply *reply) {
  if (!valid_id(request->workload_id))
    reply_error(reply, code_invalid_argument, "a workload's id is a UUID in lower case");
  else if (!abandoned(workload_find(request->workload_id)))
    reply_error(reply, code_already_exists, "the zone has this workload already");
  else if (!configure_has_scratch())
    reply_error(reply, code_failed_precondition, "the zone has no scratch yet; configure it first");
  else if (!slice_equals(request->filesystem, "squashfs") && !slice_equals(request->filesystem, "erofs"))
    reply_error(reply, code_invalid_argument, "an image's filesystem is squashfs or erofs");
  else if (request->oci_config.size == 0 || request->oci_config.size > oci_config_max_bytes)
    reply_error(reply, code_invalid_argument, "the OCI configuration has %zu bytes; 1 to %d are taken",
                request->oci_config.size, oci_config_max_bytes);
  else
    return true;
  return false;
}

void workloads_create(const idm_CreateWorkloadRequest *request, struct reply *reply) {
  if (!create_allowed(request, reply)) return;
  struct workload *workload = workload_find(request->workload_id);
  if (workload) timer_clear(&workload->deadline);
  for (unsigned i = 0; i < workload_limit && !workload; i++)
    if (workloads[i].step == workload_free) workload = &workloads[i];
  if (!workload) {
    reply_error(reply, code_resource_exhausted, "the zone holds %d workloads already", workload_limit);
    return;
  }
  *workload = (struct workload){.terminal = oci_config_terminal(request->oci_config),
                                .keeps_stdin = request->stdin,
                                .rows = request->terminal_size.rows,
                                .columns = request->terminal_size.columns,
                                .create_reply = *reply};
  input_start(&workload->input, input_nowhere, false, NULL);
  workload->output[0].fd = workload->output[1].fd = -1;
  slice_to_string(request->filesystem, workload->filesystem, sizeof workload->filesystem);
  slice_to_string(request->workload_id, workload->id, sizeof workload->id);
  if (!slice_to_string(request->disk_serial, workload->disk_serial, sizeof workload->disk_serial) ||
      workload->disk_serial[0] == 0) {
    reply_error(reply, code_invalid_argument, "a disk's serial has 1 to %zu bytes", sizeof workload->disk_serial - 1);
    return;
  }
  workload->step = workload_awaiting_disk;
  if (workload_write_bundle(workload, request)) workload_try_disk(workload);
}

void workloads_start(const idm_StartWorkloadRequest *request, struct reply *reply) {
  struct workload *workload = find_or_refuse(request->workload_id, reply);
  if (!workload) return;
  bool idle = workload->step == workload_idle || workload->step == workload_deleting_container;
  if (!idle || workload->destroy_wanted || (workload->start_wanted && reply_pending(&workload->start_reply))) {
    reply_error(reply, code_failed_precondition, "the workload is running, or starts or goes just now");
  } else if (workload->exit_unacknowledged) {
    reply_error(reply, code_failed_precondition, "the exit of run %u is not acknowledged", (unsigned)workload->run);
  } else {
    workload->start_reply = *reply;
    workload->start_wanted = true;
    workload_advance(workload);
  }
}

void workloads_signal(const idm_SignalWorkloadRequest *request, struct reply *reply) {
  struct workload *workload = find_or_refuse(request->workload_id, reply);
  if (!workload) return;
  int signal_number = (int)request->signal;
  bool done;
  if (request->signal < 1 || request->signal > 64) {
    reply_error(reply, code_invalid_argument, "there is no signal %u", (unsigned)request->signal);
    return;
  }
  if (workload->step != workload_running) {
    reply_error(reply, code_failed_precondition, "the workload is not running");
    return;
  }
  if (request->all && signal_number == SIGKILL)
    done = cgroup_kill(workload->id);
  else if (request->all)
    done = cgroup_signal(workload->id, signal_number);
  else
    done = kill(workload->pid, signal_number) == 0;
  if (done)
    reply_done(reply);
  else
    reply_error(reply, code_internal, "signal %d cannot be sent: %s", signal_number, strerror(errno));
}

void workloads_destroy(const idm_DestroyWorkloadRequest *request, struct reply *reply) {
  struct workload *workload = workload_find(request->workload_id);
  if (!workload) {
    reply_done(reply);
    return;
  }
  if (reply_pending(&workload->destroy_reply)) {
    reply_error(reply, code_aborted, "the workload is being destroyed already");
    return;
  }
  workload->destroy_reply = *reply;
  workload->destroy_wanted = true;
  workload_advance(workload);
}

void workloads_acknowledge_exit(const idm_AcknowledgeExitRequest *request, struct reply *reply) {
  struct workload *workload = find_or_refuse(request->workload_id, reply);
  if (!workload) return;
  if (request->run == workload->run) workload->exit_unacknowledged = workload->exit_event_due = false;
  reply_done(reply);
}

void workloads_inventory(idm_Inventory *inventory) {
  for (unsigned i = 0; i < workload_limit; i++) {
    struct workload *workload = &workloads[i];
    if (workload->step == workload_free || workload->step == workload_awaiting_disk ||
        workload->step == workload_removing)
      continue;
    bool running = workload->step == workload_running;
    inventory->workloads[inventory->workloads_count++] = (idm_WorkloadInventory){
        .workload_id = slice_of(workload->id),
        .phase = running            ? idm_WorkloadPhase_WORKLOAD_PHASE_RUNNING
                 : workload->exited ? idm_WorkloadPhase_WORKLOAD_PHASE_EXITED
                                    : idm_WorkloadPhase_WORKLOAD_PHASE_CREATED,
        .run = workload->run,
        .has_exit = !running && workload->exited,
        .exit = workload->exit,
        .exit_unacknowledged = workload->exit_unacknowledged,
        .stdout_offset = workload->output[0].ring.end,
        .stderr_offset = workload->output[1].ring.end,
    };
  }
}

void workloads_send_due_exits(void) {
  for (unsigned i = 0; i < workload_limit; i++) {
    struct workload *workload = &workloads[i];
    if (workload->step == workload_free || !workload->exit_event_due) continue;
    idm_Event event = {.which_event = idm_Event_workload_exited_tag};
    event.event.workload_exited = (idm_WorkloadExited){.workload_id = slice_of(workload->id),
                                                       .run = workload->run,
                                                       .has_exit = true,
                                                       .exit = workload->exit};
    if (!idm_send_event(&event)) return;
    workload->exit_event_due = false;
  }
}

void workloads_disks_changed(void) {
  for (unsigned i = 0; i < workload_limit; i++)
    if (workloads[i].step == workload_awaiting_disk) workload_try_disk(&workloads[i]);
}

void workloads_tidy(void) {
  for (unsigned i = 0; i < workload_limit; i++)
    for (int stream = 0; stream < 2; stream++) ring_tidy(&workloads[i].output[stream].ring);
}

unsigned workloads_signal_all(int signal_number) {
  unsigned running = 0;
  for (unsigned i = 0; i < workload_limit; i++) {
    if (workloads[i].step != workload_running) continue;
    running++;
    if (signal_number != 0) kill(workloads[i].pid, signal_number);
  }
  return running;
}
