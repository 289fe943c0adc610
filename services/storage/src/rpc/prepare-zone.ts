import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type PrepareZoneRequest,
  type PrepareZoneResponse,
  PrepareZoneResponseSchema,
} from '@protect/proto/storage';
import type { ScratchSource } from '../zone-record.ts';
import type { Zones } from '../zones.ts';
import { decodeDeviceName, decodeGeneration, decodeScratchBytes, decodeUid, decodeZoneId } from './decode.ts';
import { encodeDisk } from './encode-disk.ts';

/** Makes the zone's disk folder and scratch disk; a higher generation replaces all of the older one. */
export function prepareZone(zones: Zones) {
  return async (request: PrepareZoneRequest, context: HandlerContext): Promise<PrepareZoneResponse> => {
    const scratch = await zones.prepare(
      {
        zoneId: decodeZoneId(request.zoneId),
        generation: decodeGeneration(request.generation),
        uid: decodeUid(request.uid),
        scratch: decodeScratch(request.scratch),
      },
      context.signal,
    );
    return create(PrepareZoneResponseSchema, scratch === undefined ? {} : { scratch: encodeDisk(scratch) });
  };
}

function decodeScratch(scratch: PrepareZoneRequest['scratch']): ScratchSource | undefined {
  switch (scratch.case) {
    case 'scratchImageBytes':
      return { kind: 'file', sizeBytes: decodeScratchBytes(scratch.value) };
    case 'scratchBlockDevice':
      return { kind: 'named', name: decodeDeviceName('scratch_block_device', scratch.value) };
    case undefined:
      return undefined;
  }
}
