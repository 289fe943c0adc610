#ifndef WORKLOADS_H
#define WORKLOADS_H

#include "idm.h"

/* The requests about workloads; each answers at once or later. */
void workloads_create(const idm_CreateWorkloadRequest *request, struct reply *reply);
void workloads_start(const idm_StartWorkloadRequest *request, struct reply *reply);
void workloads_signal(const idm_SignalWorkloadRequest *request, struct reply *reply);
void workloads_destroy(const idm_DestroyWorkloadRequest *request, struct reply *reply);
void workloads_acknowledge_exit(const idm_AcknowledgeExitRequest *request, struct reply *reply);

void workloads_inventory(idm_Inventory *inventory);
/* Sends exits that found no room before. */
void workloads_send_due_exits(void);
/* A disk may have come. */
void workloads_disks_changed(void);
/* Gives memory back. */
void workloads_tidy(void);
/* For shutdown: signals PID 1 of each; gives how many run. */
unsigned workloads_signal_all(int signal_number);

#endif
