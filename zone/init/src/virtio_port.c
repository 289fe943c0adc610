#include "virtio_port.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files.h"

static ssize_t port_read(struct carrier *carrier, void *bytes, size_t size) { return read(carrier->fd, bytes, size); }

static ssize_t port_write(struct carrier *carrier, const void *bytes, size_t size) {
  return write(carrier->fd, bytes, size);
}

static bool port_host_away(struct carrier *carrier) {
  struct pollfd state = {.fd = carrier->fd};
  return poll(&state, 1, 0) == 1 && (state.revents & POLLHUP);
}

static void port_close(struct carrier *carrier) {
  close(carrier->fd);
  carrier->fd = -1;
}

static struct carrier port = {.fd = -1,
                              .room_event = POLLOUT,
                              .read = port_read,
                              .write = port_write,
                              .host_away = port_host_away,
                              .close = port_close};

static bool port_has_name(const char *device, const char *name) {
  char path[128], found[64];
  snprintf(path, sizeof path, "/sys/class/virtio-ports/%.32s/name", device);
  return file_read_line(path, found, sizeof found) && strcmp(found, name) == 0;
}

struct carrier *virtio_port_open(const char *name) {
  if (port.fd >= 0) return NULL;
  DIR *directory = opendir("/sys/class/virtio-ports");
  if (!directory) return NULL;
  for (struct dirent *entry; port.fd < 0 && (entry = readdir(directory));) {
    if (entry->d_name[0] == '.' || !port_has_name(entry->d_name, name)) continue;
    char path[64];
    snprintf(path, sizeof path, "/dev/%.32s", entry->d_name);
    port.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  }
  closedir(directory);
  return port.fd < 0 ? NULL : &port;
}
