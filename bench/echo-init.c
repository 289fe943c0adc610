// PID 1 of the machine that IDM is compared with: loads the ramdisk's boot modules and sends back whatever
// comes in on the virtio-serial port of IDM. Nothing else, so that the difference is IDM's own cost.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static char buffer[64 * 1024];

static void load_modules(void) {
  FILE *list = fopen("/modules/boot.qemu.list", "r");
  char name[128], path[160];
  while (list && fgets(name, sizeof name, list)) {
    name[strcspn(name, "\n")] = 0;
    snprintf(path, sizeof path, "/modules/%s", name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
      syscall(SYS_finit_module, file, "", 0);
      close(file);
    }
  }
}

static int open_port(void) {
  char path[300], name[64];
  DIR *ports = opendir("/sys/class/virtio-ports");
  for (struct dirent *entry; ports && (entry = readdir(ports));) {
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", entry->d_name);
    int file = open(path, O_RDONLY);
    ssize_t length = file < 0 ? 0 : read(file, name, sizeof name);
    if (file >= 0) close(file);
    if (length >= 15 && memcmp(name, "org.protect.idm", 15) == 0) {
      snprintf(path, sizeof path, "/dev/%s", entry->d_name);
      return open(path, O_RDWR);
    }
  }
  return -1;
}

int main(void) {
  mount("dev", "/dev", "devtmpfs", 0, 0);
  mount("sys", "/sys", "sysfs", 0, 0);
  load_modules();
  int port;
  while ((port = open_port()) < 0) usleep(10000);
  for (;;) {
    ssize_t length = read(port, buffer, sizeof buffer);
    // No host on the other side yet.
    if (length <= 0) {
      usleep(1000);
      continue;
    }
    for (ssize_t sent = 0, n; sent < length; sent += n > 0 ? n : 0) n = write(port, buffer + sent, length - sent);
  }
}
