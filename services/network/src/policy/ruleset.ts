import { linkLocalOf } from '../addressing/mac.ts';
import { linkName, linkPrefix } from '../links/link-name.ts';
import type { ZoneReservation } from '../reservation.ts';

/** The sets that a zone's link has elements in, with those elements. */
function elementsOf({ zoneId, ipv4, ipv6, mac }: ZoneReservation): [set: string, element: string][] {
  const source = `"${linkName(zoneId)}" . ${mac}`;
  return [
    ['inet protect sources4', `${source} . ${ipv4.address}`],
    ['inet protect sources6', `${source} . ${ipv6.address}`],
    ['inet protect sources6', `${source} . ${linkLocalOf(mac)}`],
    ['inet protect zones4', ipv4.address],
    ['inet protect zones6', ipv6.address],
    ['arp protect sources', `${source} . ${ipv4.address}`],
  ];
}

/** nftables commands that put one more link under the policy. */
export function addLink(reservation: ZoneReservation): string {
  return elementsOf(reservation)
    .map(([set, element]) => `add element ${set} { ${element} }\n`)
    .join('');
}

/** The inverse of `addLink`; fails when the elements are not there. */
export function removeLink(reservation: ZoneReservation): string {
  return elementsOf(reservation)
    .map(([set, element]) => `delete element ${set} { ${element} }\n`)
    .join('');
}

/**
 * The whole policy for these links, in place of what was there, in one transaction.
 *
 * Every rule matches our taps by their name's prefix, so that a tap which no set knows gets nothing through.
 * The rules sit in hooks of the network stack rather than at the devices, which lets them be in force before
 * the device exists. `accept` here does not overrule a `drop` in other tables of the host.
 */
export function ruleset(links: readonly ZoneReservation[]): string {
  return `${skeleton}${links.map(addLink).join('')}`;
}

const ours = `"${linkPrefix}*"`;

const skeleton = `\
table inet protect
delete table inet protect
table inet protect {
  set sources4 { type ifname . ether_addr . ipv4_addr; }
  set sources6 { type ifname . ether_addr . ipv6_addr; }
  set zones4 { type ipv4_addr; }
  set zones6 { type ipv6_addr; }

  chain prerouting {
    type filter hook prerouting priority raw - 50; policy accept;
    iifname ${ours} jump check_source
  }
  chain check_source {
    iifname . ether saddr . ip saddr @sources4 return
    iifname . ether saddr . ip6 saddr @sources6 return
    ip6 saddr :: icmpv6 type nd-neighbor-solicit return
    drop
  }

  chain input {
    type filter hook input priority filter; policy accept;
    iifname ${ours} jump zone_to_host
  }
  chain zone_to_host {
    ct state established,related accept
    icmp type echo-request accept
    icmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert } accept
    drop
  }

  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname ${ours} jump from_zone
    oifname ${ours} iifname != ${ours} jump from_outside
  }
  chain from_zone {
    ip daddr 169.254.0.0/16 drop
    ip6 daddr fe80::/10 drop
  }
  chain from_outside {
    ct state established,related accept
    drop
  }

  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @zones4 oifname != ${ours} masquerade
    ip6 saddr @zones6 oifname != ${ours} masquerade
  }
}
table arp protect
delete table arp protect
table arp protect {
  set sources { type ifname . ether_addr . ipv4_addr; }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname ${ours} jump check_source
  }
  chain check_source {
    iifname . arp saddr ether . arp saddr ip @sources accept
    drop
  }
}
`;
