import { Code, ConnectError } from '@connectrpc/connect';
import { patientCall } from '../peers/patient-call.ts';
import { reservationPatienceMs } from '../zones/reservations.ts';
import { decodeReservationId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { gatewayUuid } from './reservation-wire.ts';

/** Frees reserved addresses. NOT_FOUND when they are not, FAILED_PRECONDITION when the host or a zone has them. */
export function destroyNetworkReservation({
  network,
  hostUuid,
}: Pick<ControlDeps, 'network' | 'hostUuid'>): ControlMethods['destroyNetworkReservation'] {
  return async (request, { signal }) => {
    const reservationId = decodeReservationId(request.reservationId);
    if (reservationId === hostUuid || reservationId === gatewayUuid) {
      const whose = reservationId === hostUuid ? "the host's" : "the gateway's";
      throw new ConnectError(`these are ${whose} own addresses, which stay`, Code.FailedPrecondition);
    }
    const { destroyed } = await patientCall(
      'protect-network',
      (call) => network.destroyReservation({ reservationId }, { signal: call }),
      signal,
      reservationPatienceMs,
    ).catch((error: unknown) => {
      throw inUse(error);
    });
    if (destroyed) return {};
    throw new ConnectError(`there is no network reservation ${reservationId}`, Code.NotFound);
  };
}

function inUse(error: unknown): unknown {
  const known = ConnectError.from(error);
  if (known.code !== Code.Aborted) return error;
  const text = `${known.rawMessage}; destroy that zone first`;
  return new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
}
