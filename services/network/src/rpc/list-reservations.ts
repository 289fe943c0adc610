import { create } from '@bufbuild/protobuf';
import { type ListReservationsResponse, ListReservationsResponseSchema } from '@protect/proto/network';
import type { Zones } from '../zones.ts';
import { encodeReservation } from './encode-reservation.ts';

/** All that is reserved; the host's and the gateway's addresses are in GetHostAddresses. */
export function listReservations(zones: Zones) {
  return async (): Promise<ListReservationsResponse> => {
    const reservations = zones.reservations().map(encodeReservation);
    return create(ListReservationsResponseSchema, { reservations });
  };
}
