#ifndef CPUS_H
#define CPUS_H

#include "idm.h"

/* Takes CPUs on or offline until `request->online` are online; waits for those to come within the deadline. A newer
 * request ends one that waits. */
void cpus_set(const idm_SetCpusRequest *request, const struct reply *reply);
/* A CPU may have come or gone. */
void cpus_devices_changed(void);

#endif
