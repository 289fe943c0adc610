import type { MessageInitShape } from '@bufbuild/protobuf';
import type { NetworkReservationSchema } from '@protect/proto/control-common';
import type { GetHostAddressesResponse, Reservation } from '@protect/proto/network';

type WireReservation = MessageInitShape<typeof NetworkReservationSchema>;

/** Names the gateway's own addresses among the reservations. */
export const gatewayUuid = '00000000-0000-0000-0000-000000000000';

/** A reservation of a zone's or of nobody's; addresses with the prefix length of their subnet, gateways without. */
export function toWireReservation(reservation: Reservation): WireReservation {
  const { reservationId, ipv4, ipv6, mac, gatewayIpv4, gatewayIpv6, gatewayMac } = reservation;
  return { uuid: reservationId, ipv4, ipv6, mac, gatewayIpv4, gatewayIpv6, gatewayMac };
}

/** The gateway's and the host's own. */
export function toHostReservations(host: GetHostAddressesResponse, hostUuid: string): WireReservation[] {
  const gateway = {
    gatewayIpv4: withoutPrefix(host.gatewayIpv4),
    gatewayIpv6: withoutPrefix(host.gatewayIpv6),
    gatewayMac: host.gatewayMac,
  };
  const { hostIpv4, hostIpv6, hostMac, gatewayIpv4, gatewayIpv6, gatewayMac } = host;
  return [
    { uuid: gatewayUuid, ipv4: gatewayIpv4, ipv6: gatewayIpv6, mac: gatewayMac, ...gateway },
    { uuid: hostUuid, ipv4: hostIpv4, ipv6: hostIpv6, mac: hostMac, ...gateway },
  ];
}

function withoutPrefix(cidr: string): string {
  return cidr.split('/')[0] ?? cidr;
}
