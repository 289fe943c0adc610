#ifndef SHUTDOWN_H
#define SHUTDOWN_H

#include "idm.h"

/* Ends all workloads and commands in order, answers, syncs and powers off. */
void shutdown_zone(uint32_t grace_ms, const struct reply *reply);

/* Powers off at once, for when nothing else is left. Does not return. */
_Noreturn void power_off(void);

#endif
