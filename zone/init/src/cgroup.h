#ifndef CGROUP_H
#define CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* Cgroups of workloads: /protect/<workload id> of the unified hierarchy. */

/* Mounts the hierarchy and makes /protect with its controllers and a limit that leaves room for init's own processes. */
bool cgroup_start(void);

/* Processes that the OOM killer ended in the workload; call before the container is deleted. */
uint64_t cgroup_oom_kills(const char *workload_id);

/* Kills all processes at once, forks included. */
bool cgroup_kill(const char *workload_id);
bool cgroup_kill_all(void);

/* Signals each process; false when there is none. */
bool cgroup_signal(const char *workload_id, int signal_number);

#endif
