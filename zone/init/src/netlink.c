#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static uint32_t sequence;

static int open_socket(void) {
  const struct timeval patience = {.tv_sec = 5};
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, size_t body_bytes) {
  memset(request, 0, sizeof *request);
  request->header = (struct nlmsghdr){.nlmsg_len = NLMSG_LENGTH(body_bytes),
                                      .nlmsg_type = type,
                                      .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                                      .nlmsg_seq = ++sequence};
  return NLMSG_DATA(&request->header);
}

void netlink_attribute(struct netlink_request *request, uint16_t type, const void *value, size_t size) {
  size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
  if (at + RTA_SPACE(size) > sizeof *request) return;
  struct rtattr *attribute = (struct rtattr *)((uint8_t *)request + at);
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(size);
  memcpy(RTA_DATA(attribute), value, size);
  request->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(size));
}

void netlink_number(struct netlink_request *request, uint16_t type, uint32_t value) {
  netlink_attribute(request, type, &value, sizeof value);
}

/* Reads messages until `visit` or the kernel's end; true when `visit` gave true or the kernel said success. */
static bool receive(int fd, bool (*visit)(const struct nlmsghdr *, void *), void *context) {
  static _Alignas(NLMSG_ALIGNTO) uint8_t buffer[16384];
  for (;;) {
    ssize_t size = recv(fd, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return false;
    unsigned left = (unsigned)size;
    for (struct nlmsghdr *header = (struct nlmsghdr *)buffer; NLMSG_OK(header, left);
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_seq != sequence) continue;
      if (header->nlmsg_type == NLMSG_DONE) {
        errno = ENODEV;
        return visit == NULL;
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr *error = NLMSG_DATA(header);
        errno = -error->error;
        return error->error == 0;
      }
      if (visit && visit(header, context)) return true;
    }
  }
}

static bool exchange(struct netlink_request *request, bool (*visit)(const struct nlmsghdr *, void *), void *context) {
  int fd = open_socket();
  if (fd < 0) return false;
  bool done = send(fd, request, request->header.nlmsg_len, 0) == (ssize_t)request->header.nlmsg_len &&
              receive(fd, visit, context);
  int error = errno;
  close(fd);
  errno = error;
  return done;
}

bool netlink_send(struct netlink_request *request) {
  request->header.nlmsg_flags |= NLM_F_ACK;
  return exchange(request, NULL, NULL);
}

bool netlink_dump(struct netlink_request *request, bool (*visit)(const struct nlmsghdr *, void *), void *context) {
  request->header.nlmsg_flags |= NLM_F_DUMP;
  return exchange(request, visit, context);
}
