#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "configure.h"
#include "cpus.h"
#include "crash.h"
#include "files.h"
#include "hypervisor.h"
#include "idm.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "modules.h"
#include "mounts.h"
#include "reap.h"
#include "shutdown.h"
#include "uevent.h"
#include "vchan.h"
#include "virtio_port.h"
#include "workloads.h"

/* init runs twice: first in the initramfs, then, with this argument, in the tmpfs that replaces it. */
static const char moved_argument[] = "moved";

static struct carrier *open_carrier(void) {
  return hypervisor_is_xen() ? vchan_open("data/vchan/idm") : virtio_port_open("org.protect.idm");
}

static void devices_changed(void) {
  log_open_console();
  if (!idm_attached()) idm_attach(open_carrier());
  workloads_disks_changed();
  configure_devices_changed();
  cpus_devices_changed();
}

/* Only faults and the death of children reach init; it holds all else back. */
static void block_signals(void) {
  sigset_t all;
  sigfillset(&all);
  static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
  sigprocmask(SIG_SETMASK, &all, NULL);
  signal(SIGPIPE, SIG_IGN);
  reboot(RB_DISABLE_CAD);
}

static void open_stdio(void) {
  int fd = open("/dev/null", O_RDWR);
  for (int target = 0; fd >= 0 && target < 3; target++)
    if (target != fd) dup2(fd, target);
  if (fd > 2) close(fd);
}

/* A line of the list is a file's name and, after a space, its parameters. The list begins with what the channel to the host needs; the host hears of the zone before the rest is loaded. */
static void load_boot_modules(void) {
  char list[4096];
  const char *list_path = hypervisor_is_xen() ? "/modules/boot.xen.list" : "/modules/boot.qemu.list";
  if (file_read(list_path, list, sizeof list) < 0) {
    warn("%s: %m", list_path);
    return;
  }
  char *rest = list;
  for (char *parameters; (parameters = strsep(&rest, "\n"));) {
    char path[256];
    const char *name = strsep(&parameters, " ");
    if (!name[0]) continue;
    snprintf(path, sizeof path, "/modules/%.200s", name);
    if (!modules_load_file(path, parameters ? parameters : "")) warn("module %s: %m", name);
    loop_turn(0);
  }
}

int main(int count, char **arguments) {
  if (getpid() != 1) {
    static const char message[] = "init runs only as the first process of a zone\n";
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0) return 1;
    return 2;
  }
  bool moved = count > 1 && strcmp(arguments[1], moved_argument) == 0;
  int move_error = 0;
  umask(022);
  crash_start();
  if (!moved) {
    char *const again[] = {"/init", (char *)moved_argument, NULL};
    char *const environment[] = {NULL};
    if (mounts_leave_initramfs()) execve(again[0], again, environment);
    move_error = errno;
  }
  block_signals();
  mounts_make();
  open_stdio();
  log_open_console();
  if (!loop_start() || !reap_start() || !uevent_start(devices_changed)) log_line("no event loop: %m");
  file_set("/proc/self/oom_score_adj", "-1000");
  load_boot_modules();
  devices_changed();
  if (!cgroup_start()) warn("no cgroups: %m");
  if (!link_start_loopback()) warn("no loopback: %m");
  if (move_error) warn("still in the initramfs: %s", strerror(move_error));
  idm_accept_requests();
  log_line("ready for the host");
  for (;;) loop_turn(-1);
}
