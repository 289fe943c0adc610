#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exec.h"
#include "spawn.h"

enum { list_limit = sizeof((struct slice_list_huge *)0)->items / sizeof(struct slice) };

struct strings {
  char *memory;
  size_t size;
  size_t used;
  char *command[list_limit + 1];
  char *environment[list_limit + 1];
};

static size_t list_bytes(const struct slice_list_huge *list) {
  size_t bytes = 0;
  for (size_t i = 0; i < list->count; i++) bytes += list->items[i].size + 1;
  return bytes;
}

static bool copy_list(struct strings *strings, const struct slice_list_huge *list, char **out) {
  for (size_t i = 0; i < list->count; i++) {
    char *at = strings->memory + strings->used;
    if (!slice_to_string(list->items[i], at, strings->size - strings->used)) return false;
    out[i] = at;
    strings->used += list->items[i].size + 1;
  }
  out[list->count] = NULL;
  return true;
}

/* A terminal's two ends; false with errno. */
static bool open_terminal(int *master, int *slave) {
  int unlocked = 0;
  *master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (*master < 0) return false;
  if (ioctl(*master, TIOCSPTLCK, &unlocked) == 0) {
    *slave = ioctl(*master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*slave >= 0) return true;
  }
  close(*master);
  return false;
}

static bool open_stdio(struct exec *exec, int theirs[3]) {
  if (!exec->terminal) return exec_open_pipes(exec, theirs);
  int master;
  if (!open_terminal(&master, &theirs[0])) return false;
  theirs[1] = theirs[2] = theirs[0];
  return exec_take_terminal(exec, master);
}

static void start(struct exec *exec, struct strings *strings, const char *folder) {
  int theirs[3];
  if (!open_stdio(exec, theirs)) {
    exec_fail(exec, code_resource_exhausted, strerror(errno));
    return;
  }
  const struct spawn wanted = {.arguments = strings->command,
                               .environment = strings->environment,
                               .folder = folder[0] ? folder : NULL,
                               .stdio = {theirs[0], theirs[1], theirs[2]},
                               .terminal = exec->terminal};
  pid_t pid = spawn(&wanted);
  int error = errno;
  close(theirs[0]);
  if (!exec->terminal) close(theirs[1]), close(theirs[2]);
  if (pid > 0)
    exec_running_as(exec, pid);
  else
    exec_fail(exec,
              error == ENOENT || error == ENOTDIR ? code_not_found
              : error == EACCES                   ? code_permission_denied
                                                  : code_internal,
              strerror(error));
}

void exec_in_zone(struct exec *exec, const idm_ZoneProcess *process) {
  static struct strings strings;
  char folder[4096];
  strings.used = 0;
  strings.size = list_bytes(&process->command) + list_bytes(&process->environment) + 1;
  strings.memory = mmap(NULL, strings.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (strings.memory == MAP_FAILED) {
    exec_fail(exec, code_resource_exhausted, strerror(errno));
    return;
  }
  if (process->command.count == 0 || !copy_list(&strings, &process->command, strings.command) ||
      !copy_list(&strings, &process->environment, strings.environment) ||
      !slice_to_string(process->working_directory, folder, sizeof folder))
    exec_fail(exec, code_invalid_argument, "no command, or a zero byte in it");
  else
    start(exec, &strings, folder);
  munmap(strings.memory, strings.size);
}
