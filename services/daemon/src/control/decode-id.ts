import {
  parseReservationId,
  parseWorkloadId,
  parseZoneId,
  type ReservationId,
  type WorkloadId,
  type ZoneId,
} from '@protect/config/ids';
import { invalidField } from '../invalid-argument.ts';

/** INVALID_ARGUMENT when `text`, the value of `field`, is no UUID. */
export function decodeZoneId(text: string, field = 'zone_id'): ZoneId {
  const id = parseZoneId(text.toLowerCase());
  if (id !== undefined) return id;
  throw invalidField(field, `${JSON.stringify(shortened(text))} is no zone id (a UUID)`);
}

/** INVALID_ARGUMENT when `text`, the value of `field`, is no UUID. */
export function decodeWorkloadId(text: string, field = 'workload_id'): WorkloadId {
  const id = parseWorkloadId(text.toLowerCase());
  if (id !== undefined) return id;
  throw invalidField(field, `${JSON.stringify(shortened(text))} is no workload id (a UUID)`);
}

/** INVALID_ARGUMENT when `text`, the value of `field`, is no UUID. */
export function decodeReservationId(text: string, field = 'reservation_id'): ReservationId {
  const id = parseReservationId(text.toLowerCase());
  if (id !== undefined) return id;
  throw invalidField(field, `${JSON.stringify(shortened(text))} is no network reservation id (a UUID)`);
}

function shortened(text: string): string {
  return text.length > 64 ? `${text.slice(0, 61)}...` : text;
}
