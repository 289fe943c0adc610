#ifndef NETLINK_H
#define NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* rtnetlink requests, built and answered one at a time. */

struct netlink_request {
  _Alignas(NLMSG_ALIGNTO) struct nlmsghdr header;
  uint8_t payload[512];
};

/* Begins a request whose fixed part has `body_bytes`; gives the fixed part, zeroed. */
void *netlink_begin(struct netlink_request *request, uint16_t type, uint16_t flags, size_t body_bytes);
void netlink_attribute(struct netlink_request *request, uint16_t type, const void *value, size_t size);
void netlink_number(struct netlink_request *request, uint16_t type, uint32_t value);

/* Sends and waits for the kernel's answer; false with errno. */
bool netlink_send(struct netlink_request *request);

/* Sends a dump request and calls `visit` for each message until it gives true. */
bool netlink_dump(struct netlink_request *request, bool (*visit)(const struct nlmsghdr *, void *), void *context);

#endif
