#ifndef CONFIGURE_H
#define CONFIGURE_H

#include "idm.h"

/* Carries out what the host wants the zone to be, step by step; waits for links and disks within the deadline. `raw` is
 * the encoded Request. */
void configure(struct slice raw, const struct reply *reply);
/* A device may have come. */
void configure_devices_changed(void);
/* A ConfigureRequest was carried out since boot. */
bool configure_done(void);
/* There is a place for what workloads write. */
bool configure_has_scratch(void);

#endif
