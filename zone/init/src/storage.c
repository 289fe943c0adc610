#include "storage.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "bounds.h"
#include "disks.h"
#include "files.h"
#include "idm.h"
#include "modules.h"

static bool addons_mounted, scratch_mounted;

bool storage_has_scratch(void) { return scratch_mounted; }

static enum storage_result find(struct slice serial, char *device) {
  char text[disk_serial_bytes];
  if (!slice_to_string(serial, text, sizeof text)) {
    errno = EINVAL;
    return storage_failed;
  }
  return disk_find(text, device) ? storage_mounted : storage_awaited;
}

static bool show_modules(void) {
  char path[128];
  struct stat status;
  struct utsname name;
  if (stat("/addons/modules", &status) != 0) return true;
  uname(&name);
  snprintf(path, sizeof path, "/lib/modules/%.64s", name.release);
  return folder_make("/lib", 0755) && folder_make("/lib/modules", 0755) && folder_make(path, 0755) &&
         mount("/addons/modules", path, NULL, MS_BIND, NULL) == 0;
}

enum storage_result storage_mount_addons(struct slice serial) {
  char device[disk_path_bytes];
  if (serial.size == 0 || addons_mounted) return storage_mounted;
  enum storage_result found = find(serial, device);
  if (found != storage_mounted) return found;
  if (!folder_make("/addons", 0755) ||
      mount(device, "/addons", "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) != 0)
    return storage_failed;
  addons_mounted = true;
  return show_modules() ? storage_mounted : storage_failed;
}

/* The kernel looks in one folder besides its own. */
static void show_firmware(const char *folder) {
  static bool shown;
  struct stat status;
  if (shown || stat(folder, &status) != 0) return;
  shown = file_set("/sys/module/firmware_class/parameters/path", folder);
  if (!shown) warn("firmware in %s is not found: %m", folder);
}

enum storage_result storage_mount_addon(size_t index, struct slice serial) {
  static bool mounted[addon_limit];
  char device[disk_path_bytes], folder[64], part[80];
  struct stat status;
  if (index >= addon_limit) {
    errno = EINVAL;
    return storage_failed;
  }
  if (mounted[index]) return storage_mounted;
  enum storage_result found = find(serial, device);
  if (found != storage_mounted) return found;
  snprintf(folder, sizeof folder, "/run/addons/%zu", index);
  if (!folder_make("/run/addons", 0755) || !folder_make(folder, 0755) ||
      mount(device, folder, "squashfs", MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) != 0)
    return storage_failed;
  mounted[index] = true;
  snprintf(part, sizeof part, "%s/modules", folder);
  if (stat(part, &status) == 0) modules_add_folder(part);
  snprintf(part, sizeof part, "%s/firmware", folder);
  show_firmware(part);
  return storage_mounted;
}

enum storage_result storage_mount_scratch(const idm_Scratch *scratch) {
  char device[disk_path_bytes], options[64];
  if (scratch->which_backend == 0 || scratch_mounted) return storage_mounted;
  if (!folder_make("/scratch", 0700)) return storage_failed;
  if (scratch->which_backend == idm_Scratch_tmpfs_bytes_tag) {
    snprintf(options, sizeof options, "mode=0700,size=%llu", (unsigned long long)scratch->backend.tmpfs_bytes);
    scratch_mounted = mount("scratch", "/scratch", "tmpfs", MS_NODEV, options) == 0;
    return scratch_mounted ? storage_mounted : storage_failed;
  }
  enum storage_result found = find(scratch->backend.disk_serial, device);
  if (found != storage_mounted) return found;
  modules_load("ext4", "");
  scratch_mounted = mount(device, "/scratch", "ext4", MS_NODEV | MS_NOATIME, NULL) == 0;
  return scratch_mounted ? storage_mounted : storage_failed;
}
