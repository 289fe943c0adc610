import { ownReservationId, parseReservationId, parseZoneId, shortId, type ZoneId } from '@protect/config/ids';
import { parseAddress } from '../addressing/ip-address.ts';
import type { ReservedAddress, ZoneReservation } from '../reservation.ts';

/** Every link of this service, and nothing else, begins so; the packet filter relies on it. */
export const linkPrefix = 'pz';

/** The link's name; 15 bytes is the kernel's limit. */
export function linkName(zoneId: ZoneId): string {
  return `${linkPrefix}${shortId(zoneId)}`;
}

/** Whether an interface is named like one of ours. */
export function isLinkName(name: string): boolean {
  return /^pz[0-9a-f]{12}$/.test(name);
}

/** What the link says about itself, enough to adopt it when the database is lost. */
export function linkAlias(reservation: ZoneReservation): string {
  const { zoneId, generation, uid, ipv4, ipv6, mac, kind, kept, id } = reservation;
  const words = ['protect', zoneId, generation, uid, cidr(ipv4), cidr(ipv6), mac, kind];
  return (kept ? [...words, id] : words).join(',');
}

/** The inverse of `linkAlias`; undefined for texts that are none. */
export function parseLinkAlias(alias: string): ZoneReservation | undefined {
  const [tag, zone = '', generation = '', uid = '', ipv4 = '', ipv6 = '', mac = '', kind = 'tap', keptAs] =
    alias.split(',');
  const zoneId = parseZoneId(zone);
  const reserved4 = parseCidr('ipv4', ipv4);
  const reserved6 = parseCidr('ipv6', ipv6);
  if (tag !== 'protect' || zoneId === undefined || reserved4 === undefined || reserved6 === undefined) {
    return undefined;
  }
  if (!/^\d{1,20}$/.test(generation) || !/^\d{1,10}$/.test(uid)) return undefined;
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac)) return undefined;
  if (kind !== 'tap' && kind !== 'vif') return undefined;
  const id = keptAs === undefined ? ownReservationId(zoneId) : parseReservationId(keptAs);
  if (id === undefined) return undefined;
  const number = { generation: BigInt(generation), uid: Number(uid) };
  const addresses = { ipv4: reserved4, ipv6: reserved6, mac };
  return { id, kept: keptAs !== undefined, ...addresses, zoneId, ...number, kind };
}

function cidr({ address, prefixLength }: ReservedAddress): string {
  return `${address}/${prefixLength}`;
}

function parseCidr(family: 'ipv4' | 'ipv6', text: string): ReservedAddress | undefined {
  const [address = '', length = ''] = text.split('/');
  if (parseAddress(family, address) === undefined || !/^\d{1,3}$/.test(length)) return undefined;
  return { address, prefixLength: Number(length) };
}
