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

#include "bounds.h"
#include "crc32.h"
#include "files.h"
#include "module_parameters.h"

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

/* The text of a file of a folder of modules. */
struct text {
  const char *bytes;
  size_t size;
};

/* The addon images' folders in the order of their arrival, the kernel's own is the last to be looked at. */
static char added[addon_limit][64];
static size_t added_count;

/* Loaded before, by name and parameters: a host that repeats its request finds all as it wants it. */
static uint32_t carried_out[module_limit];
static size_t carried_out_count;

static char reason[256];

static const char *kernel_folder(void) {
  static char folder[128];
  struct utsname name;
  if (!folder[0] && uname(&name) == 0) snprintf(folder, sizeof folder, "/lib/modules/%.64s", name.release);
  return folder;
}

void modules_add_folder(const char *folder) {
  if (added_count < addon_limit) snprintf(added[added_count++], sizeof *added, "%s", folder);
}

static struct text map_text(const char *folder, const char *name) {
  char path[path_bytes];
  struct stat status;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return (struct text){0};
  void *bytes = MAP_FAILED;
  if (fstat(fd, &status) == 0 && status.st_size > 0)
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  return bytes == MAP_FAILED ? (struct text){0} : (struct text){bytes, (size_t)status.st_size};
}

static void unmap(struct text text) {
  if (text.size > 0) munmap((void *)text.bytes, text.size);
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

/* An addon's modules may need those of the kernel. */
static bool load_word(const char *folder, struct text word, const char *parameters) {
  char path[path_bytes];
  snprintf(path, sizeof path, "%s/%.*s", folder, (int)word.size, word.bytes);
  if (modules_load_file(path, parameters)) return true;
  if (errno != ENOENT || folder == kernel_folder()) return false;
  snprintf(path, sizeof path, "%s/%.*s", kernel_folder(), (int)word.size, word.bytes);
  return modules_load_file(path, parameters);
}

/* modules.dep lists what a module needs, the one to load first at the end. */
static bool load_line(const char *folder, struct text line, const char *parameters) {
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
    if (!load_word(folder, words[count], "")) return false;
  return load_word(folder, (struct text){line.bytes, (size_t)(colon - line.bytes)}, parameters);
}

enum found { found_nowhere, found_loaded, found_failed };

/* Loads the module that a folder's modules.dep has under this name; `file` gets its path. */
static enum found load_from(const char *folder, const char *name, const char *parameters, char *file) {
  struct text dependencies = map_text(folder, "modules.dep");
  struct text line = find_line(dependencies, name);
  const char *colon = line.size > 0 ? memchr(line.bytes, ':', line.size) : NULL;
  enum found found = found_nowhere;
  if (colon) {
    snprintf(file, path_bytes, "%s/%.*s", folder, (int)(colon - line.bytes), line.bytes);
    found = load_line(folder, line, parameters) ? found_loaded : found_failed;
  }
  int error = errno;
  unmap(dependencies);
  errno = error;
  return found;
}

static bool is_builtin(const char *name) {
  struct text builtin = map_text(kernel_folder(), "modules.builtin");
  bool found = find_line(builtin, name).size > 0;
  unmap(builtin);
  return found;
}

/* Loaded, or a part of the kernel that has parameters. With underscores, as the kernel has them. */
static bool is_present(const char *name) {
  char path[path_bytes];
  snprintf(path, sizeof path, "/sys/module/%.128s", name);
  return access(path, F_OK) == 0;
}

static bool was_carried_out(uint32_t wanted) {
  for (size_t i = 0; i < carried_out_count; i++)
    if (carried_out[i] == wanted) return true;
  return false;
}

static const char *load(const char *name, const char *parameters) {
  char file[path_bytes] = "";
  if (is_present(name)) return module_parameters_change(name, parameters);
  enum found found = found_nowhere;
  for (size_t i = 0; i < added_count && found == found_nowhere; i++)
    found = load_from(added[i], name, parameters, file);
  if (found == found_nowhere) found = load_from(kernel_folder(), name, parameters, file);
  if (found == found_nowhere) {
    snprintf(file, sizeof file, "/modules/%s.ko", name);
    found = modules_load_file(file, parameters) ? found_loaded : errno == ENOENT ? found_nowhere : found_failed;
  }
  if (found == found_loaded) return module_parameters_check(name, parameters, file);
  if (found == found_failed) {
    snprintf(reason, sizeof reason, "the kernel does not load it: %s", strerror(errno));
    return reason;
  }
  if (is_builtin(name)) return module_parameters_change(name, parameters);
  return "neither the kernel's image nor an addon has a module of this name";
}

const char *modules_load(const char *wanted, const char *parameters) {
  char name[128], both[1280];
  snprintf(name, sizeof name, "%s", wanted);
  if (strchr(name, '/') || strlen(wanted) >= sizeof name) return "this is no name of a module";
  for (char *at = name; *at; at++)
    if (*at == '-') *at = '_';
  int size = snprintf(both, sizeof both, "%s %s", name, parameters);
  uint32_t mark = crc32((const uint8_t *)both, size < (int)sizeof both ? (size_t)size : sizeof both - 1);
  if (was_carried_out(mark)) return NULL;
  const char *failure = load(name, parameters);
  if (!failure && *parameters && carried_out_count < module_limit) carried_out[carried_out_count++] = mark;
  return failure;
}
