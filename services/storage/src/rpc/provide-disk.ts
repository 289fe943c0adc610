import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type ProvideDiskRequest,
  type ProvideDiskResponse,
  ProvideDiskResponseSchema,
} from '@protect/proto/storage';
import { invalid } from '../errors.ts';
import type { DiskSource } from '../zone-record.ts';
import type { Zones } from '../zones.ts';
import { decodeDeviceName, decodeGeneration, decodePath, decodeSerial, decodeZoneId } from './decode.ts';
import { encodeDisk } from './encode-disk.ts';

/** Puts an image or a block device into the folder of a prepared zone. */
export function provideDisk(zones: Zones) {
  return async (request: ProvideDiskRequest, context: HandlerContext): Promise<ProvideDiskResponse> => {
    const source = decodeSource(request.source);
    if (source.kind === 'image' && !request.readOnly) {
      throw invalid('read_only must be set for image_path: images are shared between zones');
    }
    const disk = await zones.provide(
      {
        zoneId: decodeZoneId(request.zoneId),
        generation: decodeGeneration(request.generation),
        serial: decodeSerial(request.serial),
        readOnly: request.readOnly,
        source,
      },
      context.signal,
    );
    return create(ProvideDiskResponseSchema, { disk: encodeDisk(disk) });
  };
}

function decodeSource(source: ProvideDiskRequest['source']): DiskSource {
  switch (source.case) {
    case 'imagePath':
      return { kind: 'image', path: decodePath('image_path', source.value) };
    case 'blockDevice':
      return { kind: 'named', name: decodeDeviceName('block_device', source.value) };
    case 'devicePath':
      return { kind: 'device', path: decodePath('device_path', source.value) };
    case undefined:
      throw invalid('source must be one of image_path, block_device and device_path');
  }
}
