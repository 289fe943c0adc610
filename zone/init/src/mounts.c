#include "mounts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "log.h"

static const char new_root[] = "/new-root";

enum { path_bytes = 512, depth_max = 16 };

static void mount_at(const char *type, const char *target, unsigned long flags, const char *options) {
  folder_make(target, 0755);
  if (mount(type, target, type, flags, options) != 0 && errno != EBUSY) log_line("mount %s: %m", target);
}

void mounts_make(void) {
  const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  mount_at("proc", "/proc", plain, NULL);
  mount_at("sysfs", "/sys", plain, NULL);
  mount_at("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
  mount_at("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666,gid=5");
  mount_at("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777,size=50%");
  mount_at("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755,size=64m");
  folder_make("/tmp", 01777);
  folder_make("/etc", 0755);
  folder_make("/run/crun", 0700);
  folder_make("/run/protect", 0755);
  folder_make("/run/protect/exec", 0700);
  folder_make("/run/protect/workloads", 0755);
  /* Workloads bind it before the zone has any resolver. */
  file_write("/run/protect/resolv.conf", "", 0, 0644);
  if (symlink("/proc/self/fd", "/dev/fd") != 0 && errno != EEXIST) log_line("/dev/fd: %m");
}

static bool copy_file(const char *from, const char *to, mode_t mode) {
  int in = open(from, O_RDONLY | O_CLOEXEC);
  int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  ssize_t copied = in < 0 || out < 0 ? -1 : 1;
  while (copied > 0) copied = sendfile(out, in, NULL, 1 << 20);
  int error = errno;
  if (in >= 0) close(in);
  if (out >= 0) close(out);
  errno = error;
  return copied == 0;
}

static bool copy_link(const char *from, const char *to) {
  char target[path_bytes];
  ssize_t size = readlink(from, target, sizeof target - 1);
  if (size < 0) return false;
  target[size] = 0;
  return symlink(target, to) == 0;
}

/* Moves what lies in `from`, on this filesystem only; each file goes as soon as its copy is there, so that both are in
 * memory for a moment only. */
static bool move_folder(const char *from, const char *to, dev_t device, int depth) {
  DIR *directory = depth > depth_max ? NULL : opendir(from[0] ? from : "/");
  if (!directory) return false;
  bool moved = true;
  for (struct dirent *entry; moved && (entry = readdir(directory));) {
    char source[path_bytes], target[path_bytes];
    struct stat status;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
    snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
    if (lstat(source, &status) != 0) continue;
    if (S_ISDIR(status.st_mode)) {
      if (status.st_dev == device && strcmp(source, new_root) != 0) {
        moved = folder_make(target, status.st_mode & 07777) && move_folder(source, target, device, depth + 1);
        rmdir(source);
      }
      continue;
    }
    if (S_ISREG(status.st_mode)) moved = copy_file(source, target, status.st_mode & 07777);
    else if (S_ISLNK(status.st_mode)) moved = copy_link(source, target);
    if (moved) unlink(source);
  }
  closedir(directory);
  return moved;
}

bool mounts_leave_initramfs(void) {
  struct stat root;
  if (!folder_make(new_root, 0755) || stat("/", &root) != 0) return false;
  if (mount("root", new_root, "tmpfs", 0, "mode=0755,size=96m") != 0) return false;
  if (!move_folder("", new_root, root.st_dev, 0)) return false;
  return chdir(new_root) == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0 && chroot(".") == 0 && chdir("/") == 0;
}
