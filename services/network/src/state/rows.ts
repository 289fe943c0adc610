import { parseReservationId, parseZoneId, type ReservationId } from '@protect/config/ids';
import type { Statement } from '@protect/service/database';
import { z } from 'zod';
import { parseSubnet } from '../addressing/subnet.ts';
import { type Configuration, hasZone, type Reservation, type ZoneReservation } from '../reservation.ts';

const whole = z.string().regex(/^\d+$/).transform(BigInt);
const number = z.coerce.number().int();

const id = <T>(parse: (text: string) => T | undefined) =>
  z.string().transform((text, context): T => {
    const parsed = parse(text);
    if (parsed !== undefined) return parsed;
    context.addIssue(`${text} is no UUID`);
    return z.NEVER;
  });

const reservationRow = z.object({
  id: id(parseReservationId),
  kept: z.coerce.number().transform(Boolean),
  ipv4: z.ipv4(),
  ipv4_prefix_length: number,
  ipv6: z.ipv6(),
  ipv6_prefix_length: number,
  mac: z.string(),
});

const zonePart = z.object({
  zone_id: id(parseZoneId),
  generation: whole,
  uid: number,
  kind: z.enum(['tap', 'vif']),
});

const noZone = z.object({ zone_id: z.null() });

const configurationRow = z.object({
  revision: whole,
  ipv4_subnet: z.string(),
  ipv6_subnet: z.string(),
  nameservers: z.string(),
});

export function readReservationRow(row: unknown): Reservation | ZoneReservation {
  const read = reservationRow.parse(row);
  const reservation = {
    id: read.id,
    kept: read.kept,
    ipv4: { address: read.ipv4, prefixLength: read.ipv4_prefix_length },
    ipv6: { address: read.ipv6, prefixLength: read.ipv6_prefix_length },
    mac: read.mac,
  };
  if (noZone.safeParse(row).success) return reservation;
  const { zone_id: zoneId, generation, uid, kind } = zonePart.parse(row);
  return { ...reservation, zoneId, generation, uid, kind };
}

export function readConfigurationRow(row: unknown): Configuration {
  const read = configurationRow.parse(row);
  return {
    revision: read.revision,
    ipv4: parseSubnet('ipv4', read.ipv4_subnet),
    ipv6: parseSubnet('ipv6', read.ipv6_subnet),
    nameservers: z.array(z.string()).parse(JSON.parse(read.nameservers)),
  };
}

export function deleteReservation(id: ReservationId): Statement {
  return { sql: 'DELETE FROM reservations WHERE id = ?', params: [id] };
}

export function insertReservation(reservation: Reservation | ZoneReservation): Statement {
  const { id, kept, ipv4, ipv6, mac } = reservation;
  const columns: Record<string, string | number> = {
    id,
    kept: Number(kept),
    ipv4: ipv4.address,
    ipv4_prefix_length: ipv4.prefixLength,
    ipv6: ipv6.address,
    ipv6_prefix_length: ipv6.prefixLength,
    mac,
  };
  if (hasZone(reservation)) {
    const { zoneId, generation, uid, kind } = reservation;
    Object.assign(columns, { zone_id: zoneId, generation: String(generation), uid, kind });
  }
  const names = Object.keys(columns);
  const sql = `INSERT INTO reservations (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`;
  return { sql, params: Object.values(columns) };
}
