#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t file_read(const char *path, char *out, size_t capacity) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  size_t size = 0;
  ssize_t got = 0;
  while (size < capacity - 1 && (got = read(fd, out + size, capacity - 1 - size)) > 0) size += (size_t)got;
  close(fd);
  if (got < 0) return -1;
  out[size] = 0;
  return (ssize_t)size;
}

bool file_read_line(const char *path, char *out, size_t capacity) {
  if (file_read(path, out, capacity) <= 0) return false;
  out[strcspn(out, "\n")] = 0;
  return true;
}

static bool write_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t done = write(fd, bytes, size);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    bytes += done;
    size -= (size_t)done;
  }
  return true;
}

bool file_write(const char *path, const void *bytes, size_t size, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return false;
  bool written = fchmod(fd, mode) == 0 && write_all(fd, bytes, size);
  int error = errno;
  close(fd);
  errno = error;
  return written;
}

bool file_set(const char *path, const char *value) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t size = strlen(value);
  bool written = write(fd, value, size) == (ssize_t)size;
  int error = errno;
  close(fd);
  errno = error;
  return written;
}

bool folder_make(const char *path, mode_t mode) { return mkdir(path, mode) == 0 || errno == EEXIST; }

/* Deeper trees are refused: each level holds a descriptor. */
enum { tree_depth_max = 512 };

static bool remove_at(int parent, const char *name, dev_t device, int depth);

static bool remove_content(int fd, dev_t device, int depth) {
  DIR *directory = fdopendir(fd);
  if (!directory) {
    close(fd);
    return false;
  }
  bool removed = true;
  for (struct dirent *entry; (entry = readdir(directory));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      removed = remove_at(dirfd(directory), entry->d_name, device, depth + 1) && removed;
  closedir(directory);
  return removed;
}

static bool remove_at(int parent, const char *name, dev_t device, int depth) {
  struct stat status;
  if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
  if (!S_ISDIR(status.st_mode)) return unlinkat(parent, name, 0) == 0 || errno == ENOENT;
  if (status.st_dev != device || depth > tree_depth_max) return false;
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  remove_content(fd, device, depth);
  return unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

bool tree_remove(const char *path) {
  struct stat status;
  if (lstat(path, &status) != 0) return errno == ENOENT;
  return remove_at(AT_FDCWD, path, status.st_dev, 0);
}
