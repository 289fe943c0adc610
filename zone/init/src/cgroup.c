#include "cgroup.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "files.h"
#include "idm.h"

#define hierarchy "/sys/fs/cgroup"
#define parent hierarchy "/protect"

static void limit_processes(void) {
  char text[32];
  /* The kernel's own bound on threads follows memory; a fork bomb must not take the last ones from init. */
  long limit = file_read_line("/proc/sys/kernel/threads-max", text, sizeof text) ? strtol(text, NULL, 10) : 0;
  long pids = file_read_line("/proc/sys/kernel/pid_max", text, sizeof text) ? strtol(text, NULL, 10) : 0;
  if (pids > 0 && (limit <= 0 || pids < limit)) limit = pids;
  if (limit <= 0) return;
  snprintf(text, sizeof text, "%ld", limit - limit / 8);
  if (!file_set(parent "/pids.max", text)) warn("no limit on the number of processes: %m");
}

bool cgroup_start(void) {
  static const char *const controllers[] = {"+memory", "+pids", "+cpu", "+io", "+cpuset"};
  if (mount("cgroup2", hierarchy, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) return false;
  if (!folder_make(parent, 0755)) return false;
  for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) {
    if (!file_set(hierarchy "/cgroup.subtree_control", controllers[i])) continue;
    file_set(parent "/cgroup.subtree_control", controllers[i]);
  }
  limit_processes();
  return true;
}

uint64_t cgroup_oom_kills(const char *workload_id) {
  char path[128], text[512];
  snprintf(path, sizeof path, parent "/%s/memory.events", workload_id);
  if (file_read(path, text, sizeof text) <= 0) return 0;
  const char *found = strstr(text, "oom_kill ");
  return found ? strtoull(found + strlen("oom_kill "), NULL, 10) : 0;
}

bool cgroup_kill(const char *workload_id) {
  char path[128];
  snprintf(path, sizeof path, parent "/%s/cgroup.kill", workload_id);
  return file_set(path, "1");
}

bool cgroup_kill_all(void) { return file_set(parent "/cgroup.kill", "1"); }

bool cgroup_signal(const char *workload_id, int signal_number) {
  char path[128];
  static char pids[16384];
  snprintf(path, sizeof path, parent "/%s/cgroup.procs", workload_id);
  if (file_read(path, pids, sizeof pids) <= 0) return false;
  bool any = false;
  for (char *at = pids, *end; *at; at = end) {
    long pid = strtol(at, &end, 10);
    if (end == at) break;
    if (pid > 1) any = kill((pid_t)pid, signal_number) == 0 || any;
  }
  return any;
}
