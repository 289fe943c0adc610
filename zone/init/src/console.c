#include "console.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int receive_descriptor(int connection) {
  char byte[64];
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec vector = {byte, sizeof byte};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  if (recvmsg(connection, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0) return -1;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) return -1;
  int fd;
  memcpy(&fd, CMSG_DATA(header), sizeof fd);
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

static void close_socket(struct console *console) {
  if (!console->watch.active) return;
  int fd = console->watch.fd;
  watch_remove(&console->watch);
  close(fd);
}

static void ready(struct watch *watch, uint32_t events);

static void accept_connection(struct console *console) {
  int connection = accept4(console->watch.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection < 0) return;
  close_socket(console);
  console->connected = watch_add(&console->watch, connection, EPOLLIN, ready);
  if (!console->connected) close(connection);
}

static void receive_terminal(struct console *console) {
  console->master = receive_descriptor(console->watch.fd);
  if (console->master < 0) return;
  close_socket(console);
  if (console->size.ws_row > 0 && console->size.ws_col > 0) ioctl(console->master, TIOCSWINSZ, &console->size);
}

static void ready(struct watch *watch, uint32_t events) {
  struct console *console = owner_of(watch, struct console, watch);
  if (!console->connected) {
    accept_connection(console);
  } else {
    receive_terminal(console);
    /* Closed without a terminal. */
    if (console->master < 0 && events & EPOLLHUP) close_socket(console);
  }
}

bool console_open(struct console *console, const char *path, struct winsize size) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  *console = (struct console){.size = size, .master = -1};
  snprintf(console->path, sizeof console->path, "%s", path);
  memcpy(address.sun_path, console->path, sizeof address.sun_path);
  unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return false;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0 &&
      watch_add(&console->watch, fd, EPOLLIN, ready))
    return true;
  close(fd);
  return false;
}

int console_take(struct console *console) {
  if (console->watch.active && !console->connected) accept_connection(console);
  if (console->watch.active && console->connected) receive_terminal(console);
  int master = console->master;
  close_socket(console);
  unlink(console->path);
  console->master = -1;
  return master;
}
