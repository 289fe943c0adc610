#include "disks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "xen_disk.h"

static const char folder[] = "/sys/block";

/* SCSI page 0x80 has four bytes before the serial; virtio block devices have it as text. */
static bool read_serial(const char *name, char *out) {
  if (strncmp(name, "xvd", 3) == 0) return xen_disk_serial(folder, name, out);
  char path[128], page[4 + disk_serial_bytes];
  snprintf(path, sizeof path, "%s/%.32s/device/vpd_pg80", folder, name);
  ssize_t size = file_read(path, page, sizeof page);
  const char *serial = page + 4;
  if (size <= 4) {
    snprintf(path, sizeof path, "%s/%.32s/serial", folder, name);
    if (file_read(path, page, sizeof page) <= 0) return false;
    serial = page;
  }
  while (*serial == ' ') serial++;
  snprintf(out, disk_serial_bytes, "%s", serial);
  for (size_t length = strlen(out); length > 0 && out[length - 1] <= ' '; length--) out[length - 1] = 0;
  return out[0] != 0;
}

/* Calls `visit` for each disk until it gives true. */
static bool each_disk(bool (*visit)(const char *name, const char *serial, void *context), void *context) {
  DIR *directory = opendir(folder);
  if (!directory) return false;
  bool found = false;
  for (struct dirent *entry; !found && (entry = readdir(directory));) {
    char serial[disk_serial_bytes];
    if (entry->d_name[0] != '.' && read_serial(entry->d_name, serial)) found = visit(entry->d_name, serial, context);
  }
  closedir(directory);
  return found;
}

struct search {
  const char *serial;
  char *path;
};

static bool matches(const char *name, const char *serial, void *context) {
  const struct search *search = context;
  if (strcmp(serial, search->serial) != 0) return false;
  snprintf(search->path, disk_path_bytes, "/dev/%.32s", name);
  /* A disk has its folder and its node a moment before it can be opened (ENXIO until then); the event that
   * tells of it comes last, and brings us here again. */
  int opened = open(search->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0) return false;
  close(opened);
  return true;
}

bool disk_find(const char *serial, char *path) { return each_disk(matches, &(struct search){serial, path}); }

static char serials[sizeof((struct slice_list_large *)0)->items / sizeof(struct slice)][disk_serial_bytes];

static bool add(const char *name, const char *serial, void *context) {
  (void)name;
  struct slice_list_large *list = context;
  if (list->count == sizeof serials / sizeof *serials) return true;
  strcpy(serials[list->count], serial);
  list->items[list->count] = slice_of(serials[list->count]);
  list->count++;
  return false;
}

void disks_list(struct slice_list_large *list) {
  list->count = 0;
  each_disk(add, list);
}
