import { create } from '@bufbuild/protobuf';
import {
  type ReleaseZoneRequest,
  type ReleaseZoneResponse,
  ReleaseZoneResponseSchema,
} from '@protect/proto/storage';
import type { Zones } from '../zones.ts';
import { decodeZoneId } from './decode.ts';

/** Frees all disks of the zone; absent zones are no error. */
export function releaseZone(zones: Zones) {
  return async (request: ReleaseZoneRequest): Promise<ReleaseZoneResponse> => {
    await zones.release(decodeZoneId(request.zoneId));
    return create(ReleaseZoneResponseSchema);
  };
}
