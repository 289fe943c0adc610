import { create } from '@bufbuild/protobuf';
import { type Link, LinkSchema } from '@protect/proto/network';
import { gatewayMac } from '../addressing/mac.ts';
import { subnetOf } from '../addressing/subnet.ts';
import { linkMtu } from '../links/link-batch.ts';
import { linkName } from '../links/link-name.ts';
import type { ZoneReservation } from '../reservation.ts';

/** Both sides of a zone's link; the zone's addresses stand alone, everything else is behind the gateway. */
export function encodeLink(
  { zoneId, ipv4, ipv6, mac }: ZoneReservation,
  netnsPath: string,
  nameservers: readonly string[],
): Link {
  return create(LinkSchema, {
    hostInterface: linkName(zoneId),
    netnsPath,
    zoneMac: mac,
    gatewayMac,
    ipv4: `${ipv4.address}/32`,
    ipv6: `${ipv6.address}/128`,
    gatewayIpv4: subnetOf('ipv4', ipv4.address, ipv4.prefixLength).gateway,
    gatewayIpv6: subnetOf('ipv6', ipv6.address, ipv6.prefixLength).gateway,
    mtu: linkMtu,
    nameservers: [...nameservers],
  });
}
