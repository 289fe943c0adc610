#include "link.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "netlink.h"

struct search {
  uint8_t mac[6];
  int index;
  char name[IFNAMSIZ];
};

static bool has_mac(const struct nlmsghdr *header, void *context) {
  struct search *search = context;
  const struct ifinfomsg *info = NLMSG_DATA(header);
  bool found = false;
  char name[IFNAMSIZ] = "";
  if (header->nlmsg_type != RTM_NEWLINK) return false;
  int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof *info));
  for (struct rtattr *at = IFLA_RTA(info); RTA_OK(at, left); at = RTA_NEXT(at, left)) {
    if (at->rta_type == IFLA_ADDRESS && RTA_PAYLOAD(at) == 6) found = memcmp(RTA_DATA(at), search->mac, 6) == 0;
    if (at->rta_type == IFLA_IFNAME) strncpy(name, RTA_DATA(at), sizeof name - 1);
  }
  if (!found) return false;
  search->index = info->ifi_index;
  memcpy(search->name, name, sizeof name);
  return true;
}

static bool find_by_mac(struct slice mac, struct search *search) {
  struct netlink_request request;
  if (!mac_parse(mac, search->mac)) {
    errno = EINVAL;
    return false;
  }
  netlink_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
  return netlink_dump(&request, has_mac, search);
}

bool link_present(struct slice mac) {
  struct search search;
  return find_by_mac(mac, &search);
}

static bool set_flags(int index, unsigned flags) {
  struct netlink_request request;
  struct ifinfomsg *info = netlink_begin(&request, RTM_NEWLINK, 0, sizeof *info);
  info->ifi_index = index;
  info->ifi_change = IFF_UP;
  info->ifi_flags = flags;
  return netlink_send(&request);
}

static bool set_name(int index, const char *name) {
  struct netlink_request request;
  /* An interface that is up keeps its name. */
  if (!set_flags(index, 0)) return false;
  struct ifinfomsg *info = netlink_begin(&request, RTM_NEWLINK, 0, sizeof *info);
  info->ifi_index = index;
  netlink_attribute(&request, IFLA_IFNAME, name, strlen(name) + 1);
  return netlink_send(&request);
}

static bool rename_link(int index, const char *name) {
  if (set_name(index, name)) return true;
  /* The kernel may have given the name to another of the zone's links, whose turn comes later. */
  int holder = errno == EEXIST ? (int)if_nametoindex(name) : 0;
  char aside[IFNAMSIZ];
  snprintf(aside, sizeof aside, "aside%d", holder);
  return holder > 0 && holder != index && set_name(holder, aside) && set_name(index, name);
}

static bool set_mtu(int index, uint32_t mtu) {
  struct netlink_request request;
  struct ifinfomsg *info = netlink_begin(&request, RTM_NEWLINK, 0, sizeof *info);
  info->ifi_index = index;
  netlink_number(&request, IFLA_MTU, mtu);
  return netlink_send(&request);
}

static bool add_address(int index, struct slice text) {
  struct netlink_request request;
  struct address address;
  if (!address_parse(text, &address)) {
    errno = EINVAL;
    return false;
  }
  struct ifaddrmsg *info = netlink_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof *info);
  info->ifa_family = address.family;
  info->ifa_prefixlen = address.prefix;
  info->ifa_index = (unsigned)index;
  /* The host gives each address once: no wait for duplicates. */
  if (address.family == AF_INET6) info->ifa_flags = IFA_F_NODAD;
  if (address.family == AF_INET) netlink_attribute(&request, IFA_LOCAL, address.bytes, address.size);
  netlink_attribute(&request, IFA_ADDRESS, address.bytes, address.size);
  return netlink_send(&request) || errno == EEXIST;
}

static bool link_index(struct slice name, int *index) {
  char text[IFNAMSIZ];
  if (!slice_to_string(name, text, sizeof text) || !text[0]) {
    errno = EINVAL;
    return false;
  }
  *index = (int)if_nametoindex(text);
  return *index > 0;
}

bool link_apply(const idm_Link *link) {
  struct search search;
  char name[IFNAMSIZ];
  if (link->mac.size == 0) {
    if (!link_index(slice_of("lo"), &search.index)) return false;
  } else {
    if (!slice_to_string(link->name, name, sizeof name) || !name[0]) {
      errno = EINVAL;
      return false;
    }
    if (!find_by_mac(link->mac, &search)) return false;
    if (strcmp(search.name, name) != 0 && !rename_link(search.index, name)) return false;
  }
  if (link->mtu > 0 && !set_mtu(search.index, link->mtu)) return false;
  if (!set_flags(search.index, IFF_UP)) return false;
  for (size_t i = 0; i < link->addresses.count; i++)
    if (!add_address(search.index, link->addresses.items[i])) return false;
  return true;
}

bool link_apply_route(const idm_Route *route) {
  struct netlink_request request;
  struct address destination, gateway, source;
  int index;
  if (!address_parse(route->destination, &destination) ||
      (route->gateway.size > 0 && !address_parse(route->gateway, &gateway)) ||
      (route->source.size > 0 && !address_parse(route->source, &source))) {
    errno = EINVAL;
    return false;
  }
  if (!link_index(route->link, &index)) return false;
  struct rtmsg *info = netlink_begin(&request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, sizeof *info);
  info->rtm_family = destination.family;
  info->rtm_dst_len = destination.prefix;
  info->rtm_table = RT_TABLE_MAIN;
  info->rtm_protocol = RTPROT_STATIC;
  info->rtm_type = RTN_UNICAST;
  info->rtm_scope = route->gateway.size > 0 || destination.family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  if (route->on_link) info->rtm_flags = RTNH_F_ONLINK;
  if (destination.prefix > 0) netlink_attribute(&request, RTA_DST, destination.bytes, destination.size);
  if (route->gateway.size > 0) netlink_attribute(&request, RTA_GATEWAY, gateway.bytes, gateway.size);
  if (route->source.size > 0) netlink_attribute(&request, RTA_PREFSRC, source.bytes, source.size);
  netlink_number(&request, RTA_OIF, (uint32_t)index);
  return netlink_send(&request) || errno == EEXIST;
}

bool link_apply_neighbor(const idm_Neighbor *neighbor) {
  struct netlink_request request;
  struct address address;
  uint8_t mac[6];
  int index;
  if (!address_parse(neighbor->address, &address) || !mac_parse(neighbor->mac, mac)) {
    errno = EINVAL;
    return false;
  }
  if (!link_index(neighbor->link, &index)) return false;
  struct ndmsg *info = netlink_begin(&request, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, sizeof *info);
  info->ndm_family = address.family;
  info->ndm_ifindex = index;
  info->ndm_state = NUD_PERMANENT;
  netlink_attribute(&request, NDA_DST, address.bytes, address.size);
  netlink_attribute(&request, NDA_LLADDR, mac, sizeof mac);
  return netlink_send(&request);
}

bool link_start_loopback(void) {
  int index;
  /* The kernel gives ::1 by itself; 127.0.0.1/8 only on some. */
  return link_index(slice_of("lo"), &index) && set_flags(index, IFF_UP) &&
         add_address(index, slice_of("127.0.0.1/8"));
}
