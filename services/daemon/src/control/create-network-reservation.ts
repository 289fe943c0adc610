import { newReservationId } from '@protect/config/ids';
import { patientCall } from '../peers/patient-call.ts';
import { reservationPatienceMs } from '../zones/reservations.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toWireReservation } from './reservation-wire.ts';

/** Reserves addresses for a zone to come. */
export function createNetworkReservation({
  network,
}: Pick<ControlDeps, 'network'>): ControlMethods['createNetworkReservation'] {
  return async (_request, { signal }) => {
    const reservationId = newReservationId();
    const { reservation } = await patientCall(
      'protect-network',
      (call) => network.createReservation({ reservationId }, { signal: call }),
      signal,
      reservationPatienceMs,
    );
    return reservation === undefined ? {} : { reservation: toWireReservation(reservation) };
  };
}
