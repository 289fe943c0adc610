#include "xen_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "fake_xen.h"
#include "files.h"

static char folder[] = "/tmp/xen-disk-XXXXXX";
static char serial[xen_disk_serial_bytes];

/* A disk as /sys/block shows it. */
static void plug(const char *name, const char *device, const char *arrival) {
  char disk[64], path[96];
  snprintf(disk, sizeof disk, "%s/%s", folder, name);
  CHECK(mkdir(disk, 0700) == 0);
  snprintf(path, sizeof path, "%s/device", disk);
  CHECK(symlink(device, path) == 0);
  snprintf(path, sizeof path, "%s/diskseq", disk);
  CHECK(!arrival || file_write(path, arrival, strlen(arrival), 0600));
}

static void unplug(const char *name) {
  char disk[64];
  snprintf(disk, sizeof disk, "%s/%s", folder, name);
  CHECK(tree_remove(disk));
}

static void start(void) { CHECK(mkdtemp(strcpy(folder, "/tmp/xen-disk-XXXXXX"))); }
static void stop(void) { CHECK(tree_remove(folder)); }

static bool has_serial(const char *name, const char *expected) {
  return xen_disk_serial(folder, name, serial) && strcmp(serial, expected) == 0;
}

static void read_once(void) {
  start();
  fake_xen_store("protect/disks/51712", "image-1");
  plug("xvda", "../../../vbd-51712", "7\n");
  unsigned before = fake_xen_store_reads;
  for (int i = 0; i < 5; i++) CHECK(has_serial("xvda", "image-1"));
  CHECK(fake_xen_store_reads == before + 1);
  stop();
}

static void another_arrival(void) {
  start();
  fake_xen_store("protect/disks/51728", "first");
  plug("xvdb", "../../../vbd-51728", "8\n");
  CHECK(has_serial("xvdb", "first"));
  unplug("xvdb");
  CHECK(!xen_disk_serial(folder, "xvdb", serial));
  fake_xen_store("protect/disks/51728", "second");
  plug("xvdb", "../../../vbd-51728", "9\n");
  CHECK(has_serial("xvdb", "second"));
  unplug("xvdb");
  /* A kernel that does not number arrivals is asked each time. */
  plug("xvdb", "../../../vbd-51728", NULL);
  CHECK(has_serial("xvdb", "second"));
  fake_xen_store("protect/disks/51728", "third");
  CHECK(has_serial("xvdb", "third"));
  stop();
}

static void late_serial(void) {
  start();
  plug("xvdq", "../../../vbd-268439552", "10\n");
  CHECK(!xen_disk_serial(folder, "xvdq", serial));
  fake_xen_store("protect/disks/268439552", "late");
  CHECK(has_serial("xvdq", "late"));
  stop();
}

static void refused(void) {
  static const char *const values[] = {"", "twenty-one-characters", "with space", "line\n", "caf\xc3\xa9", "\x7f"};
  static const char *const devices[] = {"vbd-",         "vbd-1x",         "vbd--1", "vbd-4294967296", "vif-51744",
                                        "vbd-51744/..", "vbd-51744/vbd-", "",       "51744"};
  start();
  plug("xvdc", "../../../vbd-51744", NULL);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    fake_xen_store("protect/disks/51744", "");
    fake_xen_store("protect/disks/51744", values[i]);
    CHECK(!xen_disk_serial(folder, "xvdc", serial));
  }
  fake_xen_store("protect/disks/51744", "twenty-characters-ok");
  CHECK(has_serial("xvdc", "twenty-characters-ok"));
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
    unplug("xvdc");
    plug("xvdc", devices[i][0] ? devices[i] : ".", NULL);
    CHECK(!xen_disk_serial(folder, "xvdc", serial));
  }
  stop();
}

const struct test xen_disk_tests[] = {
    {"xenstore is asked once for each arrival of a disk", read_once},
    {"another disk in the same place has its own serial", another_arrival},
    {"a serial that is not there yet is asked for again", late_serial},
    {"serials and devices of another form are none", refused},
    {0},
};
