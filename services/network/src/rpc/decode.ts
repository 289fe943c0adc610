import { isIP } from 'node:net';
import { parseReservationId, parseZoneId, type ReservationId, type ZoneId } from '@protect/config/ids';
import type { AddressFamily } from '../addressing/ip-address.ts';
import { parseSubnet, type Subnet } from '../addressing/subnet.ts';
import { invalid } from '../errors.ts';
import { linkName } from '../links/link-name.ts';

/** All of these throw INVALID_ARGUMENT, naming the value and what is allowed. */
export function decodeZoneId(text: string): ZoneId {
  const zoneId = parseZoneId(text);
  if (zoneId === undefined) throw invalid(`zone_id ${JSON.stringify(text)} is not a UUID in lower case`);
  return zoneId;
}

export function decodeReservationId(text: string): ReservationId {
  const id = parseReservationId(text);
  if (id === undefined) throw invalid(`reservation_id ${JSON.stringify(text)} is not a UUID in lower case`);
  return id;
}

export function decodeGeneration(generation: bigint): bigint {
  if (generation < 1n) throw invalid('generation must be 1 or more');
  return generation;
}

/** The hypervisor never runs as root. */
export function decodeUid(uid: number): number {
  if (uid < 1 || uid >= 2 ** 32 - 1) throw invalid(`uid ${uid} is not that of an unprivileged user`);
  return uid;
}

/** Xen's back end names its interfaces so; nothing else of the host's may be taken. */
export function decodeInterface(name: string, zoneId: ZoneId): string {
  if (/^vif\d{1,5}\.\d{1,3}$/.test(name) || name === linkName(zoneId)) return name;
  throw invalid(`interface ${JSON.stringify(name)} is neither named vif<domain>.<number> nor the zone's own`);
}

export function decodeSubnet(family: AddressFamily, cidr: string): Subnet {
  try {
    return parseSubnet(family, cidr);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(`${family}_subnet: ${error.message}`);
    throw error;
  }
}

export function decodeNameserver(address: string): string {
  if (isIP(address) === 0) throw invalid(`nameserver ${JSON.stringify(address)} is not an IP address`);
  return address;
}
