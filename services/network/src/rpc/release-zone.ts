import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type ReleaseZoneRequest,
  type ReleaseZoneResponse,
  ReleaseZoneResponseSchema,
} from '@protect/proto/network';
import type { Zones } from '../zones.ts';
import { decodeZoneId } from './decode.ts';

/** Removes the zone's link, policy and reservation; absent zones are no error. */
export function releaseZone(zones: Zones) {
  return async (request: ReleaseZoneRequest, context: HandlerContext): Promise<ReleaseZoneResponse> => {
    await zones.release(decodeZoneId(request.zoneId), context.signal);
    return create(ReleaseZoneResponseSchema);
  };
}
