#include "module_parameters.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

/* One of "a=1 b=2". */
struct parameter {
  char name[65];
  const char *value;
  char text[1024];
};

static char reason[256];

/* Takes the first of `rest`, and moves it on; false at its end. */
static bool next_parameter(const char **rest, struct parameter *parameter) {
  size_t size = strcspn(*rest, " ");
  if (size == 0) return false;
  snprintf(parameter->text, sizeof parameter->text, "%.*s", (int)size, *rest);
  *rest += size;
  *rest += strspn(*rest, " ");
  size_t name = strcspn(parameter->text, "=");
  snprintf(parameter->name, sizeof parameter->name, "%.*s", (int)name, parameter->text);
  /* A switch without a value is on. */
  parameter->value = parameter->text[name] ? parameter->text + name + 1 : "1";
  return true;
}

static bool is_elf(const char *bytes, size_t size) { return size > 4 && memcmp(bytes, "\177ELF", 4) == 0; }

/* Files tell of a parameter by its type, by a description, or both; zero bytes part what they tell. */
static bool tells_of(const char *bytes, size_t size, const char *key, const char *parameter) {
  char wanted[96];
  int length = snprintf(wanted, sizeof wanted, "%c%s=%s:", 0, key, parameter);
  return memmem(bytes, size, wanted, (size_t)length) != NULL;
}

bool module_file_has_parameter(const char *file, const char *parameter) {
  struct stat status;
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return true;
  void *bytes = MAP_FAILED;
  size_t size = fstat(fd, &status) == 0 ? (size_t)status.st_size : 0;
  if (size > 0) bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  if (bytes == MAP_FAILED) return true;
  bool has = !is_elf(bytes, size) || tells_of(bytes, size, "parmtype", parameter) || tells_of(bytes, size, "parm", parameter);
  munmap(bytes, size);
  return has;
}

static const char *path_of(const char *module, const char *parameter) {
  static char path[256];
  snprintf(path, sizeof path, "/sys/module/%.128s/parameters/%s", module, parameter);
  return path;
}

const char *module_parameters_check(const char *name, const char *parameters, const char *file) {
  struct parameter parameter;
  while (next_parameter(&parameters, &parameter)) {
    if (strcmp(parameter.name, "dyndbg") == 0 || access(path_of(name, parameter.name), F_OK) == 0 ||
        module_file_has_parameter(file, parameter.name))
      continue;
    syscall(SYS_delete_module, name, O_NONBLOCK);
    snprintf(reason, sizeof reason, "it has no parameter %s", parameter.name);
    return reason;
  }
  return NULL;
}

const char *module_parameters_change(const char *name, const char *parameters) {
  struct parameter parameter;
  char now[256];
  while (next_parameter(&parameters, &parameter)) {
    const char *path = path_of(name, parameter.name);
    bool is_so = file_read_line(path, now, sizeof now) && strcmp(now, parameter.value) == 0;
    if (is_so || file_set(path, parameter.value)) continue;
    snprintf(reason, sizeof reason,
             "it is in the kernel already and %s cannot be set any more; for one that is built in, write %s.%s=%s on the kernel "
             "command line",
             parameter.name, name, parameter.name, parameter.value);
    return reason;
  }
  return NULL;
}
