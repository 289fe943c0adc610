import { Code, ConnectError } from '@connectrpc/connect';
import {
  parseReservationId,
  parseWorkloadId,
  parseZoneId,
  type ReservationId,
  type WorkloadId,
  type ZoneId,
} from '@protect/config/ids';

/** INVALID_ARGUMENT when `text` is no UUID. */
export function decodeZoneId(text: string): ZoneId {
  const id = parseZoneId(text.toLowerCase());
  if (id !== undefined) return id;
  throw new ConnectError(`${JSON.stringify(shortened(text))} is no zone id (a UUID)`, Code.InvalidArgument);
}

/** INVALID_ARGUMENT when `text` is no UUID. */
export function decodeWorkloadId(text: string): WorkloadId {
  const id = parseWorkloadId(text.toLowerCase());
  if (id !== undefined) return id;
  throw new ConnectError(
    `${JSON.stringify(shortened(text))} is no workload id (a UUID)`,
    Code.InvalidArgument,
  );
}

/** INVALID_ARGUMENT when `text` is no UUID. */
export function decodeReservationId(text: string): ReservationId {
  const id = parseReservationId(text.toLowerCase());
  if (id !== undefined) return id;
  throw new ConnectError(
    `${JSON.stringify(shortened(text))} is no network reservation id (a UUID)`,
    Code.InvalidArgument,
  );
}

function shortened(text: string): string {
  return text.length > 64 ? `${text.slice(0, 61)}...` : text;
}
