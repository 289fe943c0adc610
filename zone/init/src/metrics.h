#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>

#include "idm.pb.h"

/* Fills in what /proc says; the strings it refers to stay until the next call. */
void metrics_fill(idm_MetricsResponse *metrics, bool processes);

/* Takes a line of /proc/stat; false when it is not that of one processor. */
bool metrics_parse_cpu(const char *line, idm_CpuMetrics *cpu);

/* Takes the text of /proc/<pid>/stat, to which `command` then refers; false for kernel threads. */
bool metrics_parse_process(char *stat, idm_ProcessMetrics *process, struct slice *command);

#endif
