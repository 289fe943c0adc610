import { randomUUID } from 'node:crypto';

/** A zone's UUID, lower case with hyphens. */
export type ZoneId = string & { readonly zoneId: unique symbol };

/** A workload's UUID, lower case with hyphens. */
export type WorkloadId = string & { readonly workloadId: unique symbol };

/** The UUID of a network reservation, lower case with hyphens. */
export type ReservationId = string & { readonly reservationId: unique symbol };

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The id in `text`, or undefined when it is no UUID in canonical form. */
export function parseZoneId(text: string): ZoneId | undefined {
  return uuid.test(text) ? (text as ZoneId) : undefined;
}

/** The id in `text`, or undefined when it is no UUID in canonical form. */
export function parseWorkloadId(text: string): WorkloadId | undefined {
  return uuid.test(text) ? (text as WorkloadId) : undefined;
}

/** The id in `text`, or undefined when it is no UUID in canonical form. */
export function parseReservationId(text: string): ReservationId | undefined {
  return uuid.test(text) ? (text as ReservationId) : undefined;
}

/** The reservation that a zone gets which assumes none: it is named like the zone. */
export function ownReservationId(id: ZoneId): ReservationId {
  return id as string as ReservationId;
}

export function newReservationId(): ReservationId {
  return randomUUID() as ReservationId;
}

export function newZoneId(): ZoneId {
  return randomUUID() as ZoneId;
}

export function newWorkloadId(): WorkloadId {
  return randomUUID() as WorkloadId;
}

/**
 * The first twelve hexadecimal digits of a zone's id, for names on the host that are short by nature
 * (a link's name has 15 bytes, a disk's serial 20).
 */
export function shortId(id: ZoneId | WorkloadId): string {
  return id.replaceAll('-', '').slice(0, 12);
}
