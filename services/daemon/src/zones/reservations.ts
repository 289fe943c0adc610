import { Code, ConnectError } from '@connectrpc/connect';
import type { ReservationId } from '@protect/config/ids';
import type { Reservation } from '@protect/proto/network';
import { patientCall } from '../peers/patient-call.ts';
import type { NetworkClient } from '../peers/peer-clients.ts';
import type { ZoneRecord } from '../state/zone-record.ts';

/** How long a caller waits for protect-network when it is away. */
export const reservationPatienceMs = 5_000;

/** Longest time for the whole of it. */
const lookUpMs = 15_000;

/**
 * Sees that a zone can have a reservation before it is accepted: NOT_FOUND when there is none,
 * FAILED_PRECONDITION, naming the zone, when one has it.
 */
export async function checkReservation(
  network: Pick<NetworkClient, 'listReservations'>,
  id: ReservationId,
): Promise<void> {
  const { reservations } = await patientCall(
    'protect-network',
    (signal) => network.listReservations({}, { signal }),
    AbortSignal.timeout(lookUpMs),
    reservationPatienceMs,
  );
  const found: Reservation | undefined = reservations.find(({ reservationId }) => reservationId === id);
  if (found === undefined) throw new ConnectError(`there is no network reservation ${id}`, Code.NotFound);
  if (found.zoneId !== '') throw taken(id, found.zoneId);
}

/** FAILED_PRECONDITION, naming the zone, when one of `zones` will have the reservation, though it may not yet. */
export function checkUnclaimed(id: ReservationId, zones: readonly ZoneRecord[]): void {
  const claiming = zones.find(({ held, spec }) => held && spec.network.assumeReservation === id);
  if (claiming !== undefined) throw taken(id, claiming.id);
}

/** The refusal of what another zone has. */
export function taken(id: ReservationId, zoneId: string): ConnectError {
  const text = `network reservation ${id} belongs to zone ${zoneId}; destroy that zone first`;
  return new ConnectError(text, Code.FailedPrecondition);
}
