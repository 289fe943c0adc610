#include "xen_disk.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xenstore.h>

#include "files.h"

/* Serials that were read, each under the number that the kernel gives to one arrival of a disk and never again. */
static struct {
  uint64_t arrival;
  char serial[xen_disk_serial_bytes];
} known[256];

static bool parse_number(const char *text, uint64_t max, uint64_t *number) {
  *number = 0;
  for (const char *at = text; *at; at++) {
    if (*at < '0' || *at > '9' || *number > max / 10) return false;
    *number = *number * 10 + (uint64_t)(*at - '0');
  }
  return *text != 0 && *number <= max;
}

/* The device of a disk is a link to a folder called vbd-<number>. */
static bool read_device_number(const char *block_folder, const char *name, uint64_t *number) {
  char path[128], target[256];
  snprintf(path, sizeof path, "%.64s/%.32s/device", block_folder, name);
  ssize_t size = readlink(path, target, sizeof target - 1);
  if (size <= 0) return false;
  target[size] = 0;
  const char *slash = strrchr(target, '/');
  const char *device = slash ? slash + 1 : target;
  return strncmp(device, "vbd-", 4) == 0 && parse_number(device + 4, UINT32_MAX, number);
}

/* 0 when the kernel does not tell. */
static uint64_t read_arrival(const char *block_folder, const char *name) {
  char path[128], text[32];
  uint64_t arrival;
  snprintf(path, sizeof path, "%.64s/%.32s/diskseq", block_folder, name);
  return file_read_line(path, text, sizeof text) && parse_number(text, UINT64_MAX / 10, &arrival) ? arrival : 0;
}

static bool printable(const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (bytes[i] <= ' ' || bytes[i] > '~') return false;
  return true;
}

static bool read_serial(uint64_t device, char *out) {
  static struct xs_handle *store;
  char path[64];
  unsigned size = 0;
  if (!store) store = xs_open(0);
  if (!store) return false;
  snprintf(path, sizeof path, "protect/disks/%llu", (unsigned long long)device);
  char *value = xs_read(store, XBT_NULL, path, &size);
  bool valid = value && size > 0 && size < xen_disk_serial_bytes && printable(value, size);
  if (valid) {
    memcpy(out, value, size);
    out[size] = 0;
  }
  free(value);
  return valid;
}

bool xen_disk_serial(const char *block_folder, const char *name, char out[xen_disk_serial_bytes]) {
  uint64_t device, arrival = read_arrival(block_folder, name);
  size_t place = arrival % (sizeof known / sizeof *known);
  if (arrival == 0 || known[place].arrival != arrival) {
    if (!read_device_number(block_folder, name, &device) || !read_serial(device, out)) return false;
    known[place].arrival = arrival;
    memcpy(known[place].serial, out, xen_disk_serial_bytes);
  }
  memcpy(out, known[place].serial, xen_disk_serial_bytes);
  return true;
}
