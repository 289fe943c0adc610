import { parseZoneId, type ZoneId } from '@protect/config/ids';
import { z } from 'zod';
import { parseSubnet } from '../addressing/subnet.ts';
import type { Configuration, Reservation } from '../reservation.ts';

const whole = z.string().regex(/^\d+$/).transform(BigInt);
const number = z.coerce.number().int();

const reservationRow = z.object({
  zone_id: z.string().transform((text, context): ZoneId => {
    const id = parseZoneId(text);
    if (id === undefined) {
      context.addIssue(`${text} is no zone id`);
      return z.NEVER;
    }
    return id;
  }),
  generation: whole,
  uid: number,
  ipv4: z.ipv4(),
  ipv4_prefix_length: number,
  ipv6: z.ipv6(),
  ipv6_prefix_length: number,
  mac: z.string(),
  kind: z.enum(['tap', 'vif']),
});

const configurationRow = z.object({
  revision: whole,
  ipv4_subnet: z.string(),
  ipv6_subnet: z.string(),
  nameservers: z.string(),
});

export function readReservationRow(row: unknown): Reservation {
  const read = reservationRow.parse(row);
  return {
    zoneId: read.zone_id,
    generation: read.generation,
    uid: read.uid,
    ipv4: { address: read.ipv4, prefixLength: read.ipv4_prefix_length },
    ipv6: { address: read.ipv6, prefixLength: read.ipv6_prefix_length },
    mac: read.mac,
    kind: read.kind,
  };
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
