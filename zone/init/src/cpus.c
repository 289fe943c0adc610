#include "cpus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cpu_list.h"
#include "files.h"
#include "loop.h"

static struct reply answer;
static struct timer deadline;
static unsigned wanted;
static bool active;

static void finish(void) {
  timer_clear(&deadline);
  active = false;
}

static void state_path(unsigned cpu, char *path, size_t size) {
  snprintf(path, size, "/sys/devices/system/cpu/cpu%u/online", cpu);
}

/* A CPU that cannot be taken offline, as the first, has no such file. */
static bool is_online(unsigned cpu) {
  char path[64], state[8];
  state_path(cpu, path, sizeof path);
  return !file_read_line(path, state, sizeof state) || state[0] == '1';
}

static bool set_online(unsigned cpu, bool online) {
  char path[64];
  state_path(cpu, path, sizeof path);
  return file_set(path, online ? "1" : "0");
}

/* The lowest `wanted` of the CPUs that are there are online, the others offline; gives how many are there. */
static unsigned arrange(bool *refused, unsigned *at) {
  char text[1024];
  unsigned present = 0, cpu;
  struct cpu_range range = {0};
  if (!file_read_line("/sys/devices/system/cpu/present", text, sizeof text)) return 0;
  for (const char *list = text; cpu_list_next(&list, &range, &cpu); present++) {
    bool online = present < wanted;
    if (is_online(cpu) == online || set_online(cpu, online)) continue;
    /* It has just gone, which the next event tells. */
    if (errno == ENODEV || errno == ENOENT) continue;
    *refused = true;
    *at = cpu;
    return present;
  }
  return present;
}

static void advance(void) {
  bool refused = false;
  unsigned cpu = 0;
  unsigned present = arrange(&refused, &cpu);
  if (refused)
    reply_error(&answer, code_failed_precondition, "CPU %u: %s", cpu, strerror(errno));
  else if (present >= wanted)
    reply_done(&answer);
  else
    return;
  finish();
}

static void timed_out(struct timer *timer) {
  (void)timer;
  reply_error(&answer, code_deadline_exceeded, "the zone does not have %u CPUs", wanted);
  finish();
}

void cpus_devices_changed(void) {
  if (active) advance();
}

void cpus_set(const idm_SetCpusRequest *request, const struct reply *reply) {
  struct reply refused = *reply;
  if (request->online == 0) {
    reply_error(&refused, code_invalid_argument, "a zone has one CPU at least");
    return;
  }
  if (active) reply_error(&answer, code_aborted, "a newer request for CPUs has come");
  answer = *reply;
  wanted = request->online;
  active = true;
  uint64_t now = now_ms();
  uint64_t left = reply->deadline_ms > now ? reply->deadline_ms - now : 0;
  timer_set(&deadline, left - left / 8, timed_out);
  advance();
}
