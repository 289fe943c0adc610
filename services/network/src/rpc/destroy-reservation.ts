import { create } from '@bufbuild/protobuf';
import {
  type DestroyReservationRequest,
  type DestroyReservationResponse,
  DestroyReservationResponseSchema,
} from '@protect/proto/network';
import type { Zones } from '../zones.ts';
import { decodeReservationId } from './decode.ts';

/** Frees addresses that no zone has; absent ones are no error. */
export function destroyReservation(zones: Zones) {
  return async (request: DestroyReservationRequest): Promise<DestroyReservationResponse> => {
    const destroyed = await zones.destroyReservation(decodeReservationId(request.reservationId));
    return create(DestroyReservationResponseSchema, { destroyed });
  };
}
