#ifndef SHUTDOWN_H
#define SHUTDOWN_H

#include "idm.h"

/* Ends all workloads and commands in order, answers, syncs and powers off. */
void shutdown_zone(uint32_t grace_ms, const struct reply *reply);

#endif
