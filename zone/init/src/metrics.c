#include "metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "loop.h"

enum {
  process_limit = sizeof((idm_MetricsResponse *)0)->processes / sizeof(idm_ProcessMetrics),
  cpu_limit = sizeof((idm_MetricsResponse *)0)->cpus / sizeof(idm_CpuMetrics),
  command_bytes = 31,
  path_bytes = 128,
  command_line_bytes = 256,
  pool_bytes = 32 * 1024,
};

/* What the strings of one answer are kept in. */
struct pool {
  size_t used;
  char bytes[pool_bytes];
};

static uint64_t memory_line(const char *text, const char *name) {
  const char *found = strstr(text, name);
  return found ? strtoull(found + strlen(name), NULL, 10) * 1024 : 0;
}

static void fill_memory(idm_MetricsResponse *metrics) {
  char text[4096];
  if (file_read("/proc/meminfo", text, sizeof text) <= 0) return;
  metrics->memory_total_bytes = memory_line(text, "MemTotal:");
  metrics->memory_free_bytes = memory_line(text, "MemFree:");
  metrics->memory_available_bytes = memory_line(text, "MemAvailable:");
}

static uint64_t ticks_to_ms(unsigned long long ticks) {
  return ticks * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

bool metrics_parse_cpu(const char *line, idm_CpuMetrics *cpu) {
  unsigned number;
  unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
  /* The line of all processors together has none there. */
  if (strncmp(line, "cpu", 3) != 0 || line[3] < '0' || line[3] > '9') return false;
  if (sscanf(line, "cpu%u %llu %llu %llu %llu %llu %llu %llu %llu", &number, &user, &nice, &system, &idle, &iowait, &irq,
             &softirq, &steal) != 9)
    return false;
  *cpu = (idm_CpuMetrics){
      .cpu = number,
      .user_ms = ticks_to_ms(user + nice),
      .system_ms = ticks_to_ms(system + irq + softirq),
      .idle_ms = ticks_to_ms(idle),
      .iowait_ms = ticks_to_ms(iowait),
      .steal_ms = ticks_to_ms(steal),
  };
  return true;
}

static void fill_cpus(idm_MetricsResponse *metrics) {
  static char text[cpu_limit * 128];
  if (file_read("/proc/stat", text, sizeof text) <= 0) return;
  for (char *line = text, *next; line && metrics->cpus_count < cpu_limit; line = next) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    if (metrics_parse_cpu(line, &metrics->cpus[metrics->cpus_count])) metrics->cpus_count++;
  }
}

/* Keeps at most `limit` of `size` bytes in what is left of the pool. */
static struct slice keep(struct pool *pool, const char *bytes, ssize_t size, size_t limit) {
  size_t kept = size < 0 ? 0 : (size_t)size < limit ? (size_t)size : limit;
  if (kept > sizeof pool->bytes - pool->used) return (struct slice){0};
  char *place = pool->bytes + pool->used;
  memcpy(place, bytes, kept);
  pool->used += kept;
  return (struct slice){(const uint8_t *)place, kept};
}

static struct slice keep_link(struct pool *pool, const char *pid, const char *link) {
  char path[64], target[path_bytes];
  snprintf(path, sizeof path, "/proc/%.16s/%s", pid, link);
  return keep(pool, target, readlink(path, target, sizeof target), path_bytes);
}

static struct slice keep_command_line(struct pool *pool, const char *pid) {
  char path[64], text[command_line_bytes + 1];
  snprintf(path, sizeof path, "/proc/%.16s/cmdline", pid);
  return keep(pool, text, file_read(path, text, sizeof text), command_line_bytes);
}

static bool fill_owner(const char *pid, idm_ProcessMetrics *process) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%.16s/status", pid);
  if (file_read(path, text, sizeof text) <= 0) return false;
  const char *uids = strstr(text, "\nUid:"), *gids = strstr(text, "\nGid:");
  return uids && gids && sscanf(uids, "\nUid: %u %u", &process->uid, &process->effective_uid) == 2 &&
         sscanf(gids, "\nGid: %u %u", &process->gid, &process->effective_gid) == 2;
}

bool metrics_parse_process(char *stat, idm_ProcessMetrics *process, struct slice *command) {
  char *name = strchr(stat, '('), *after = strrchr(stat, ')');
  unsigned parent;
  unsigned long long user, system, started, virtual_bytes;
  long resident_pages;
  if (!name || !after) return false;
  int fields = sscanf(after + 1,
                      " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %*d %*d %llu %llu %ld",
                      &parent, &user, &system, &started, &virtual_bytes, &resident_pages);
  /* Kernel threads have no memory of their own. */
  if (fields != 6 || virtual_bytes == 0) return false;
  uint64_t started_ms = ticks_to_ms(started), now = now_ms();
  *command = (struct slice){(const uint8_t *)name + 1, (size_t)(after - name - 1)};
  *process = (idm_ProcessMetrics){
      .pid = (uint32_t)strtoul(stat, NULL, 10),
      .parent_pid = parent,
      .resident_bytes = (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE),
      .virtual_bytes = virtual_bytes,
      .lifetime_ms = now > started_ms ? now - started_ms : 0,
      .cpu_ms = ticks_to_ms(user + system),
  };
  return true;
}

static bool fill_process(const char *pid, struct pool *names, struct pool *paths, idm_ProcessMetrics *process) {
  char path[64], text[1024];
  struct slice command;
  snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
  if (file_read(path, text, sizeof text) <= 0) return false;
  if (!metrics_parse_process(text, process, &command) || !fill_owner(pid, process)) return false;
  process->command = keep(names, (const char *)command.data, (ssize_t)command.size, command_bytes);
  process->executable = keep_link(paths, pid, "exe");
  process->working_directory = keep_link(paths, pid, "cwd");
  process->command_line = keep_command_line(paths, pid);
  return true;
}

static void fill_processes(idm_MetricsResponse *metrics) {
  static struct pool names, paths;
  names.used = paths.used = 0;
  DIR *directory = opendir("/proc");
  if (!directory) return;
  for (struct dirent *entry; metrics->processes_count < process_limit && (entry = readdir(directory));) {
    pb_size_t at = metrics->processes_count;
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (fill_process(entry->d_name, &names, &paths, &metrics->processes[at])) metrics->processes_count++;
  }
  closedir(directory);
}

void metrics_fill(idm_MetricsResponse *metrics, bool processes) {
  char text[128];
  unsigned long pages = 0;
  fill_memory(metrics);
  if (file_read_line("/proc/self/statm", text, sizeof text)) sscanf(text, "%*u %lu", &pages);
  metrics->init_resident_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
  metrics->uptime_ms = now_ms();
  fill_cpus(metrics);
  if (processes) fill_processes(metrics);
}
