#ifndef METRICS_H
#define METRICS_H

#include <stdbool.h>

#include "idm.pb.h"

/* Fills in what /proc says; the commands it refers to stay until the next call. */
void metrics_fill(idm_MetricsResponse *metrics, bool processes);

#endif
