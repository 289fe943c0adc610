#ifndef FAKE_XEN_H
#define FAKE_XEN_H

#include <libxenvchan.h>
#include <stdbool.h>

/* Stand-ins for what Xen's libraries ask of the kernel: pages that two ends share, an event channel between them, and
 * xenstore. The vchans over them are the library's own. */

/* Connects to the vchan that is offered at `path`; NULL when none is. */
struct libxenvchan *fake_xen_client(const char *path);
/* The client's process was killed: its pages are unmapped with what the kernel does at that, and no more. */
void fake_xen_kill_client(struct libxenvchan *client);
/* Called once, right before and right after the server takes the next event or finds none. */
extern void (*fake_xen_before_take)(void), (*fake_xen_after_take)(void);
/* Events to the server that are delivered and not acknowledged: 0 or 1. */
unsigned fake_xen_server_events(void);

void fake_xen_store(const char *path, const char *value);
extern unsigned fake_xen_store_reads;
extern bool fake_xen_devices_missing;

#endif
