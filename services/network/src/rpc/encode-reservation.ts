import { create } from '@bufbuild/protobuf';
import { ReservationSchema, type Reservation as WireReservation } from '@protect/proto/network';
import { gatewayMac } from '../addressing/mac.ts';
import { subnetOf } from '../addressing/subnet.ts';
import { hasZone, type Reservation, type ZoneReservation } from '../reservation.ts';

export function encodeReservation(reservation: Reservation | ZoneReservation): WireReservation {
  const { id, ipv4, ipv6, mac, kept } = reservation;
  return create(ReservationSchema, {
    reservationId: id,
    ipv4: `${ipv4.address}/${ipv4.prefixLength}`,
    ipv6: `${ipv6.address}/${ipv6.prefixLength}`,
    mac,
    gatewayIpv4: subnetOf('ipv4', ipv4.address, ipv4.prefixLength).gateway,
    gatewayIpv6: subnetOf('ipv6', ipv6.address, ipv6.prefixLength).gateway,
    gatewayMac,
    zoneId: hasZone(reservation) ? reservation.zoneId : '',
    kept,
  });
}
