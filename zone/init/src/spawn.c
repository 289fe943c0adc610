#include "spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "files.h"

/* Undoes in a child what init has set for itself. */
static void become_ordinary(const char *oom_score_adj) {
  sigset_t none;
  sigemptyset(&none);
  for (int signal_number = 1; signal_number < NSIG; signal_number++) signal(signal_number, SIG_DFL);
  sigprocmask(SIG_SETMASK, &none, NULL);
  file_set("/proc/self/oom_score_adj", oom_score_adj ? oom_score_adj : "0");
  setsid();
}

static bool set_stdio(const int stdio[3]) {
  int moved[3];
  /* First all out of the way of 0, 1 and 2. */
  for (int i = 0; i < 3; i++) {
    int fd = stdio[i] >= 0 ? stdio[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
    moved[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (moved[i] < 0) return false;
  }
  for (int i = 0; i < 3; i++)
    if (dup2(moved[i], i) < 0) return false;
  return true;
}

static void run_child(const struct spawn *spawn, int failure) {
  extern char **environ;
  become_ordinary(spawn->oom_score_adj);
  if (set_stdio(spawn->stdio) && (!spawn->terminal || ioctl(0, TIOCSCTTY, 0) == 0) &&
      chdir(spawn->folder ? spawn->folder : "/") == 0) {
    environ = (char **)spawn->environment;
    execvp(spawn->arguments[0], spawn->arguments);
  }
  int error = errno;
  if (write(failure, &error, sizeof error) < 0) _exit(126);
  _exit(127);
}

pid_t spawn(const struct spawn *spawn) {
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) != 0) return -1;
  pid_t pid = fork();
  if (pid == 0) run_child(spawn, failure[1]);
  int error = pid < 0 ? errno : 0;
  close(failure[1]);
  /* Ends as soon as the program runs: exec closes the pipe. */
  if (pid > 0)
    while (read(failure[0], &error, sizeof error) < 0 && errno == EINTR) continue;
  close(failure[0]);
  errno = error;
  return error ? -1 : pid;
}

bool spawn_task(struct child *child, void (*task)(const char *), const char *argument,
                void (*ended)(struct child *, int)) {
  pid_t pid = fork();
  if (pid < 0) return false;
  if (pid == 0) {
    become_ordinary(NULL);
    task(argument);
    _exit(0);
  }
  child_watch(child, pid, ended);
  return true;
}

pid_t session_of(pid_t pid) {
  char path[64], stat[512];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  if (file_read(path, stat, sizeof stat) <= 0) return 0;
  const char *after_name = strrchr(stat, ')');
  int session;
  return after_name && sscanf(after_name + 1, " %*c %*d %*d %d", &session) == 1 ? session : 0;
}

void kill_session(pid_t session) {
  if (session <= 1) return;
  /* Again for what forked meanwhile; a fork bomb ends with its container. */
  for (int round = 0; round < 4; round++) {
    bool any = false;
    DIR *directory = opendir("/proc");
    if (!directory) return;
    for (struct dirent *entry; (entry = readdir(directory));) {
      pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
      if (pid > 1 && session_of(pid) == session) any = kill(pid, SIGKILL) == 0 || any;
    }
    closedir(directory);
    if (!any) return;
  }
}
