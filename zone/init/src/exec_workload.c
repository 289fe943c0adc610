#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "exec.h"
#include "files.h"
#include "workload.h"

enum { path_bytes = 64 };

static const char *exec_path(const struct exec *exec, const char *suffix, char *out) {
  snprintf(out, path_bytes, "/run/protect/exec/%u.%s", exec->number, suffix);
  return out;
}

static enum code code_of(const char *error) {
  if (strstr(error, "not found") || strstr(error, "No such file")) return code_not_found;
  return strstr(error, "ermission denied") ? code_permission_denied : code_internal;
}

static void launched(struct crun *crun, const char *error) {
  struct exec *exec = owner_of(crun, struct exec, crun);
  char path[path_bytes];
  unlink(exec_path(exec, "json", path));
  int master = exec->terminal ? console_take(&exec->console) : -1;
  pid_t pid = error ? 0 : crun_pid(exec_path(exec, "pid", path));
  unlink(exec_path(exec, "pid", path));
  if (error)
    exec_fail(exec, code_of(error), error);
  else if (pid == 0)
    exec_fail(exec, code_internal, "crun wrote no pid");
  else if (exec->terminal && !exec_take_terminal(exec, master))
    exec_fail(exec, code_internal, "crun sent no terminal");
  else
    exec_running_as(exec, pid);
  if (error && master >= 0) close(master);
}

/* crun gives a container's score to its first program only. */
static void inherit_oom_score(struct exec *exec, pid_t container) {
  char path[path_bytes];
  snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)container);
  if (!file_read_line(path, exec->crun.oom_score_adj, sizeof exec->crun.oom_score_adj)) exec->crun.oom_score_adj[0] = 0;
}

static bool run(struct exec *exec, const struct workload *workload) {
  char json[path_bytes], pid[path_bytes], console[path_bytes], log[path_bytes];
  int theirs[3] = {-1, -1, -1};
  exec_path(exec, "console", console);
  exec_path(exec, "log", log);
  exec_path(exec, "pid", pid);
  unlink(pid);
  const char *plain[] = {"exec",       "--detach", "--process",  exec_path(exec, "json", json),
                         "--pid-file", pid,        workload->id, NULL};
  const char *terminal[] = {"exec", "--detach",         "--process", json,         "--pid-file",
                            pid,    "--console-socket", console,     workload->id, NULL};
  inherit_oom_score(exec, workload->pid);
  bool ready = exec->terminal ? console_open(&exec->console, console, exec->size) : exec_open_pipes(exec, theirs);
  if (!ready) return false;
  bool running = crun_run(&exec->crun, log, exec->terminal ? terminal : plain, theirs, launched);
  int error = errno;
  for (int i = 0; i < 3; i++)
    if (theirs[i] >= 0) close(theirs[i]);
  errno = error;
  return running;
}

void exec_in_workload(struct exec *exec, const idm_ExecOpen *open) {
  struct workload *workload = workload_find(open->workload_id);
  char path[path_bytes];
  if (!workload)
    exec_fail(exec, code_not_found, "the zone has no such workload");
  else if (workload->step != workload_running)
    exec_fail(exec, code_failed_precondition, "the workload is not running");
  else if (!file_write(exec_path(exec, "json", path), open->oci_process.data, open->oci_process.size, 0600) ||
           !run(exec, workload))
    exec_fail(exec, code_internal, strerror(errno));
}
