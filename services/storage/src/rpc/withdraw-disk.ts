import { create } from '@bufbuild/protobuf';
import {
  type WithdrawDiskRequest,
  type WithdrawDiskResponse,
  WithdrawDiskResponseSchema,
} from '@protect/proto/storage';
import type { Zones } from '../zones.ts';
import { decodeGeneration, decodeSerial, decodeZoneId } from './decode.ts';

/** Takes a disk out of the zone's folder; absent zones and disks are no error. */
export function withdrawDisk(zones: Zones) {
  return async (request: WithdrawDiskRequest): Promise<WithdrawDiskResponse> => {
    await zones.withdraw({
      zoneId: decodeZoneId(request.zoneId),
      generation: decodeGeneration(request.generation),
      serial: decodeSerial(request.serial),
    });
    return create(WithdrawDiskResponseSchema);
  };
}
