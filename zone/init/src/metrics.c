#include "metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "loop.h"

enum { process_limit = sizeof((idm_MetricsResponse *)0)->processes / sizeof(idm_ProcessMetrics), command_bytes = 32 };

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

static bool fill_process(const char *pid, char *command, idm_ProcessMetrics *process) {
  char path[64], text[1024];
  struct stat owner;
  snprintf(path, sizeof path, "/proc/%.16s/stat", pid);
  if (file_read(path, text, sizeof text) <= 0 || stat(path, &owner) != 0) return false;
  char *name = strchr(text, '('), *after = strrchr(text, ')');
  if (!name || !after) return false;
  *after = 0;
  snprintf(command, command_bytes, "%s", name + 1);
  unsigned parent;
  unsigned long long started, virtual_bytes;
  long resident_pages;
  int fields = sscanf(after + 1,
                      " %*c %u %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu %llu %ld",
                      &parent, &started, &virtual_bytes, &resident_pages);
  /* Kernel threads have no memory of their own. */
  if (fields != 4 || virtual_bytes == 0) return false;
  uint64_t started_ms = started * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
  uint64_t now = now_ms();
  *process = (idm_ProcessMetrics){
      .pid = (uint32_t)strtoul(pid, NULL, 10),
      .parent_pid = parent,
      .command = slice_of(command),
      .resident_bytes = (uint64_t)resident_pages * (uint64_t)sysconf(_SC_PAGESIZE),
      .virtual_bytes = virtual_bytes,
      .uid = owner.st_uid,
      .gid = owner.st_gid,
      .lifetime_ms = now > started_ms ? now - started_ms : 0,
  };
  return true;
}

static void fill_processes(idm_MetricsResponse *metrics) {
  static char commands[process_limit][command_bytes];
  DIR *directory = opendir("/proc");
  if (!directory) return;
  for (struct dirent *entry; metrics->processes_count < process_limit && (entry = readdir(directory));) {
    pb_size_t at = metrics->processes_count;
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (fill_process(entry->d_name, commands[at], &metrics->processes[at])) metrics->processes_count++;
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
  if (processes) fill_processes(metrics);
}
