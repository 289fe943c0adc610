import { gatewayMac } from '../addressing/mac.ts';
import { subnetOf } from '../addressing/subnet.ts';
import type { ZoneReservation } from '../reservation.ts';
import { linkAlias, linkName } from './link-name.ts';

/** Bytes of payload in one frame, on both sides of a link. */
export const linkMtu = 1500;

/**
 * Commands for `ip -batch` that give a link its addresses, routes and neighbours and bring it up; all may be
 * repeated. `create` makes the tap first, which fails when it is there.
 *
 * The neighbours are permanent, so that the host never asks a zone who it is, and the first packet of a
 * zone waits for nobody.
 */
export function linkBatch(reservation: ZoneReservation, { create }: { create: boolean }): string {
  const { ipv4, ipv6, mac, uid } = reservation;
  const name = linkName(reservation.zoneId);
  const subnet4 = subnetOf('ipv4', ipv4.address, ipv4.prefixLength);
  const subnet6 = subnetOf('ipv6', ipv6.address, ipv6.prefixLength);
  const lines = [
    `link set dev ${name} alias ${linkAlias(reservation)}`,
    `link set dev ${name} address ${gatewayMac} mtu ${linkMtu} addrgenmode none`,
    `addr replace ${subnet4.gateway}/32 dev ${name}`,
    `addr replace ${subnet4.host}/32 dev ${name}`,
    `addr replace fe80::1/64 dev ${name} nodad`,
    `addr replace ${subnet6.gateway}/128 dev ${name} nodad`,
    `addr replace ${subnet6.host}/128 dev ${name} nodad`,
    `link set dev ${name} up`,
    `route replace ${ipv4.address}/32 dev ${name} src ${subnet4.host}`,
    `route replace ${ipv6.address}/128 dev ${name} src ${subnet6.host}`,
    `neigh replace ${ipv4.address} lladdr ${mac} dev ${name} nud permanent`,
    `neigh replace ${ipv6.address} lladdr ${mac} dev ${name} nud permanent`,
  ];
  if (create) lines.unshift(`tuntap add dev ${name} mode tap user ${uid} vnet_hdr`);
  return `${lines.join('\n')}\n`;
}
