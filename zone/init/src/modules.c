#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { compressed_file = 4, path_bytes = 256, dependency_limit = 32 };

bool modules_load_file(const char *path, const char *parameters) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  size_t length = strlen(path);
  bool plain = length > 3 && strcmp(path + length - 3, ".ko") == 0;
  bool loaded = syscall(SYS_finit_module, fd, parameters, plain ? 0 : compressed_file) == 0 || errno == EEXIST;
  int error = errno;
  close(fd);
  errno = error;
  return loaded;
}

/* The text of a file of the addons' folder of modules. */
struct text {
  const char *bytes;
  size_t size;
};

static const char *modules_folder(void) {
  static char folder[128];
  struct utsname name;
  if (!folder[0] && uname(&name) == 0) snprintf(folder, sizeof folder, "/lib/modules/%.64s", name.release);
  return folder;
}

static struct text map_text(const char *name) {
  char path[path_bytes];
  struct stat status;
  snprintf(path, sizeof path, "%s/%s", modules_folder(), name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return (struct text){0};
  void *bytes = MAP_FAILED;
  if (fstat(fd, &status) == 0 && status.st_size > 0)
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  return bytes == MAP_FAILED ? (struct text){0} : (struct text){bytes, (size_t)status.st_size};
}

/* Hyphens and underscores are the same. */
static bool same_name(const char *path, size_t size, const char *name) {
  for (const char *slash; (slash = memchr(path, '/', size));) {
    size -= (size_t)(slash + 1 - path);
    path = slash + 1;
  }
  for (; *name; name++, path++, size--) {
    if (size == 0) return false;
    char left = *path == '-' ? '_' : *path, right = *name == '-' ? '_' : *name;
    if (left != right) return false;
  }
  return size >= 3 && memcmp(path, ".ko", 3) == 0;
}

/* The line whose first word is the module's file; without its newline. */
static struct text find_line(struct text text, const char *name) {
  while (text.size > 0) {
    const char *newline = memchr(text.bytes, '\n', text.size);
    size_t length = newline ? (size_t)(newline - text.bytes) : text.size;
    const char *colon = memchr(text.bytes, ':', length);
    if (same_name(text.bytes, colon ? (size_t)(colon - text.bytes) : length, name))
      return (struct text){text.bytes, length};
    size_t step = newline ? length + 1 : length;
    text = (struct text){text.bytes + step, text.size - step};
  }
  return (struct text){0};
}

static bool load_word(const char *word, size_t size, const char *parameters) {
  char path[path_bytes];
  snprintf(path, sizeof path, "%s/%.*s", modules_folder(), (int)size, word);
  return modules_load_file(path, parameters);
}

/* modules.dep lists what a module needs, the one to load first at the end. */
static bool load_line(struct text line, const char *parameters) {
  struct text words[dependency_limit];
  size_t count = 0;
  const char *colon = memchr(line.bytes, ':', line.size);
  const char *end = line.bytes + line.size;
  for (const char *at = colon + 1; at < end && count < dependency_limit;) {
    while (at < end && *at == ' ') at++;
    const char *word = at;
    while (at < end && *at != ' ') at++;
    if (at > word) words[count++] = (struct text){word, (size_t)(at - word)};
  }
  while (count-- > 0)
    if (!load_word(words[count].bytes, words[count].size, "")) return false;
  return load_word(line.bytes, (size_t)(colon - line.bytes), parameters);
}

static bool is_builtin(const char *name) {
  struct text builtin = map_text("modules.builtin");
  bool found = builtin.size > 0 && find_line(builtin, name).size > 0;
  if (builtin.size > 0) munmap((void *)builtin.bytes, builtin.size);
  return found;
}

static bool is_loaded(const char *name) {
  char path[path_bytes];
  snprintf(path, sizeof path, "/sys/module/%.128s/initstate", name);
  for (char *at = path; *at; at++)
    if (*at == '-') *at = '_';
  return access(path, F_OK) == 0;
}

bool modules_load(const char *name, const char *parameters) {
  char path[path_bytes];
  if (strchr(name, '/') || strlen(name) > 128) {
    errno = EINVAL;
    return false;
  }
  if (is_loaded(name)) return true;
  struct text dependencies = map_text("modules.dep");
  struct text line = find_line(dependencies, name);
  bool loaded;
  if (line.size > 0 && memchr(line.bytes, ':', line.size)) {
    loaded = load_line(line, parameters);
  } else {
    snprintf(path, sizeof path, "/modules/%s.ko", name);
    for (char *at = path; *at; at++)
      if (*at == '-') *at = '_';
    loaded = modules_load_file(path, parameters) || is_builtin(name);
  }
  int error = errno;
  if (dependencies.size > 0) munmap((void *)dependencies.bytes, dependencies.size);
  errno = error;
  return loaded;
}
