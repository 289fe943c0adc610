#include "uevent.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "loop.h"

static struct watch watch;
static void (*changed)(void);

/* What happened is looked up in /sys afterwards: events can be lost, states cannot. */
static void ready(struct watch *fired, uint32_t events) {
  (void)events;
  char message[8192];
  bool any = false;
  for (;;) {
    ssize_t size = recv(fired->fd, message, sizeof message, MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno != ENOBUFS) break;
    any = true;
  }
  if (any) changed();
}

bool uevent_start(void (*callback)(void)) {
  const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
  const int buffer_bytes = 256 * 1024;
  changed = callback;
  int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
  if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) return false;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof buffer_bytes);
  return watch_add(&watch, fd, EPOLLIN, ready);
}
