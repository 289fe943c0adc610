import { create } from '@bufbuild/protobuf';
import {
  type CreateReservationRequest,
  type CreateReservationResponse,
  CreateReservationResponseSchema,
} from '@protect/proto/network';
import type { Zones } from '../zones.ts';
import { decodeReservationId } from './decode.ts';
import { encodeReservation } from './encode-reservation.ts';

/** Reserves addresses that a zone may assume later. */
export function createReservation(zones: Zones) {
  return async (request: CreateReservationRequest): Promise<CreateReservationResponse> => {
    const reservation = await zones.createReservation(decodeReservationId(request.reservationId));
    return create(CreateReservationResponseSchema, { reservation: encodeReservation(reservation) });
  };
}
