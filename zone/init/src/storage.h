#ifndef STORAGE_H
#define STORAGE_H

#include "idm.pb.h"

/* The zone's own disks. */

enum storage_result {
  storage_mounted,
  /* The disk is not there yet. */
  storage_awaited,
  /* errno tells why. */
  storage_failed,
};

/* Mounts the addons and shows their modules at /lib/modules/RELEASE; once is enough. */
enum storage_result storage_mount_addons(struct slice serial);
/* Mounts a further image's disk at /run/addons/INDEX, and has its modules and firmware found; once is enough. */
enum storage_result storage_mount_addon(size_t index, struct slice serial);
/* Mounts /scratch; once is enough. */
enum storage_result storage_mount_scratch(const idm_Scratch *scratch);
bool storage_has_scratch(void);

#endif
