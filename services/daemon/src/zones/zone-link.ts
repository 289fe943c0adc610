import type { Link } from '@protect/proto/network';
import type { ZoneLink } from '../state/zone-record.ts';

/** The link as the daemon keeps it. */
export function toZoneLink(link: Link | undefined): ZoneLink | undefined {
  if (link === undefined) return undefined;
  const { hostInterface, netnsPath, zoneMac, gatewayMac, ipv4, ipv6, gatewayIpv4, gatewayIpv6, mtu } = link;
  return {
    hostInterface,
    ...(netnsPath === '' ? {} : { netnsPath }),
    zoneMac,
    gatewayMac,
    ipv4,
    ipv6,
    gatewayIpv4,
    gatewayIpv6,
    mtu,
    nameservers: [...link.nameservers],
  };
}
