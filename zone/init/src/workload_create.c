#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "disks.h"
#include "files.h"
#include "modules.h"
#include "oci_config.h"
#include "spawn.h"
#include "workload.h"

#define workloads_folder "/run/protect/workloads"

const char *workload_path(const struct workload *workload, const char *name, char *out) {
  snprintf(out, workload_path_bytes, workloads_folder "/%s%s%s", workload->id, *name ? "/" : "", name);
  return out;
}

static const char *scratch_path(const struct workload *workload, const char *suffix, char *out) {
  snprintf(out, workload_path_bytes, "/scratch/%s%s", workload->id, suffix);
  return out;
}

static bool write_slice(const struct workload *workload, const char *name, struct slice content, mode_t mode) {
  char path[workload_path_bytes];
  return file_write(workload_path(workload, name, path), content.data, content.size, mode);
}

static bool write_hostname(const struct workload *workload, struct slice config) {
  char line[80] = "";
  if (!oci_config_hostname(config, line, sizeof line - 1)) gethostname(line, sizeof line - 1);
  strcat(line, "\n");
  return write_slice(workload, "hostname", slice_of(line), 0644);
}

static bool make_scratch(const struct workload *workload, size_t mounts) {
  char path[workload_path_bytes], suffix[32];
  /* A scratch disk may still have what a workload of this id left before the zone was started again. */
  tree_remove(scratch_path(workload, "", path));
  tree_remove(scratch_path(workload, "-mounts", path));
  if (!folder_make(scratch_path(workload, "", path), 0700) ||
      !folder_make(scratch_path(workload, "/upper", path), 0755) ||
      !folder_make(scratch_path(workload, "/work", path), 0700) ||
      !folder_make(scratch_path(workload, "-mounts", path), 0700))
    return false;
  for (size_t i = 0; i < mounts; i++) {
    snprintf(suffix, sizeof suffix, "-mounts/%zu", i);
    /* For whichever user the workload runs as; the way there is closed to all others. */
    if (!folder_make(scratch_path(workload, suffix, path), 0755) || chmod(path, 01777) != 0) return false;
  }
  return true;
}

/* Answers with the reason and takes back what there is. */
static void fail(struct workload *workload, enum code code, const char *what, const char *why) {
  reply_error(&workload->create_reply, code, "%s: %s", what, why);
  workload->destroy_wanted = true;
  workload_remove(workload);
}

bool workload_write_bundle(struct workload *workload, const idm_CreateWorkloadRequest *request) {
  char path[workload_path_bytes];
  bool written = folder_make(workload_path(workload, "", path), 0755) &&
                 folder_make(workload_path(workload, "image", path), 0755) &&
                 folder_make(workload_path(workload, "rootfs", path), 0755) &&
                 write_slice(workload, "config.json", request->oci_config, 0600) &&
                 write_slice(workload, "hosts", request->hosts_file, 0644) &&
                 write_hostname(workload, request->oci_config) &&
                 make_scratch(workload, request->scratch_mounts.count);
  if (!written) fail(workload, code_internal, "the workload's files cannot be written", strerror(errno));
  return written;
}

static bool mount_overlay(const struct workload *workload, const char *image) {
  char root[workload_path_bytes], upper[workload_path_bytes], work[workload_path_bytes];
  char options[3 * workload_path_bytes + 64];
  struct stat status;
  scratch_path(workload, "/upper", upper);
  scratch_path(workload, "/work", work);
  /* The overlay's root takes owner and mode from its upper folder. */
  if (stat(image, &status) != 0 || chmod(upper, status.st_mode & 07777) != 0 ||
      chown(upper, status.st_uid, status.st_gid) != 0)
    return false;
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", image, upper, work);
  return mount("overlay", workload_path(workload, "rootfs", root), "overlay", 0, options) == 0;
}

static void disk_timed_out(struct timer *timer) {
  struct workload *workload = owner_of(timer, struct workload, deadline);
  fail(workload, code_deadline_exceeded, "no disk has come with the serial", workload->disk_serial);
}

void workload_try_disk(struct workload *workload) {
  char device[disk_path_bytes], image[workload_path_bytes];
  if (!disk_find(workload->disk_serial, device)) {
    /* A little before the host stops waiting, so that it hears the reason. */
    uint64_t now = now_ms(), until = workload->create_reply.deadline_ms;
    uint64_t left = until > now ? until - now : 0;
    if (!workload->deadline.armed) timer_set(&workload->deadline, left - left / 8, disk_timed_out);
    return;
  }
  timer_clear(&workload->deadline);
  modules_load(workload->filesystem, "");
  workload_path(workload, "image", image);
  if (mount(device, image, workload->filesystem, MS_RDONLY | MS_NODEV | MS_NOSUID, NULL) != 0) {
    fail(workload, code_internal, "the image's disk cannot be mounted", strerror(errno));
  } else if (!mount_overlay(workload, image)) {
    fail(workload, code_internal, "the overlay cannot be mounted", strerror(errno));
  } else {
    workload->step = workload_idle;
    reply_done(&workload->create_reply);
    workload_advance(workload);
  }
}

static void unmount(const struct workload *workload, const char *name) {
  char path[workload_path_bytes];
  workload_path(workload, name, path);
  /* Namespaces of processes that were just killed may hold it for a moment longer. */
  if (umount2(path, UMOUNT_NOFOLLOW) != 0 && errno == EBUSY) umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

static void remove_files(const char *argument) {
  const struct workload *workload = (const void *)argument;
  char path[workload_path_bytes];
  tree_remove(scratch_path(workload, "", path));
  tree_remove(scratch_path(workload, "-mounts", path));
  tree_remove(workload_path(workload, "", path));
}

static void removed(struct child *child, int status) {
  (void)status;
  struct workload *workload = owner_of(child, struct workload, remover);
  struct reply reply = workload->destroy_reply;
  *workload = (struct workload){0};
  reply_done(&reply);
}

void workload_remove(struct workload *workload) {
  workload->step = workload_removing;
  timer_clear(&workload->deadline);
  workload_io_end(workload);
  input_stop(&workload->input);
  for (int stream = 0; stream < 2; stream++) output_stop(&workload->output[stream]);
  unmount(workload, "rootfs");
  unmount(workload, "image");
  /* Deleting may take long: a process of its own. */
  if (spawn_task(&workload->remover, remove_files, (const char *)workload, removed)) return;
  remove_files((const char *)workload);
  removed(&workload->remover, 0);
}
