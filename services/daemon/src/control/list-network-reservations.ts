import { patientCall } from '../peers/patient-call.ts';
import { reservationPatienceMs } from '../zones/reservations.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { inPages } from './pages.ts';
import { toHostReservations, toWireReservation } from './reservation-wire.ts';

/** All addresses that somebody has: the gateway, the host, zones, and nobody yet. At least one message. */
export function listNetworkReservations({
  network,
  hostUuid,
}: Pick<ControlDeps, 'network' | 'hostUuid'>): ControlMethods['listNetworkReservations'] {
  return async function* (_request, { signal }) {
    const [host, { reservations }] = await patientCall(
      'protect-network',
      (call) =>
        Promise.all([
          network.getHostAddresses({}, { signal: call }),
          network.listReservations({}, { signal: call }),
        ]),
      signal,
      reservationPatienceMs,
    );
    const all = [...toHostReservations(host, hostUuid), ...reservations.map(toWireReservation)];
    for (const page of inPages(all)) yield { reservations: page };
  };
}
