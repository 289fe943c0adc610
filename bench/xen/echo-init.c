// PID 1 of the machine that a zone under Xen is compared with: says at once that it runs, then loads the
// ramdisk's modules and sends back whatever comes in on the vchan of IDM. Nothing else, so that the
// difference is our own cost.
#define _GNU_SOURCE
#include <fcntl.h>
#include <libxenvchan.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static char buffer[64 * 1024];

static void load_modules(void) {
  FILE *list = fopen("/modules/boot.xen.list", "r");
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

int main(void) {
  mount("dev", "/dev", "devtmpfs", 0, 0);
  int console = open("/dev/console", O_WRONLY | O_NOCTTY);
  if (write(console, "bare machine up\n", 16) < 0) return 1;
  load_modules();
  struct libxenvchan *channel = libxenvchan_server_init(NULL, 0, "data/vchan/idm", 65536, 65536);
  if (!channel) {
    if (write(console, "no vchan\n", 9) < 0) return 1;
    return 1;
  }
  channel->blocking = 1;
  channel->server_persist = 1;
  for (;;) {
    int length = libxenvchan_read(channel, buffer, sizeof buffer);
    for (int sent = 0, n; sent < length; sent += n > 0 ? n : 0)
      n = libxenvchan_write(channel, buffer + sent, (size_t)(length - sent));
  }
}
