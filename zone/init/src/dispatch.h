#ifndef DISPATCH_H
#define DISPATCH_H

#include "idm.h"

/* What the connection asks of the rest of init. */

/* Answers a request, at once or later. `request` and `raw`, its encoded form, are valid during the call only. */
void dispatch_request(const idm_Request *request, struct slice raw, const struct reply *reply);
/* Sends all that the zone holds. */
void dispatch_inventory(void);
/* Sends events that found no room before. */
void dispatch_due_events(void);
/* Gives memory back after a busy time. */
void dispatch_tidy(void);

#endif
