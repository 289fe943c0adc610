import { create } from '@bufbuild/protobuf';
import {
  type ConfigureRequest,
  type ConfigureResponse,
  ConfigureResponseSchema,
} from '@protect/proto/storage';
import type { Zones } from '../zones.ts';
import { decodeDeviceName, decodeGeneration, decodePath, decodeZoneId } from './decode.ts';

/**
 * Takes the configuration and frees what the daemon does not retain. The daemon sends it before it prepares
 * any zone that the list does not name, else that zone's disks would be freed.
 */
export function configure(zones: Zones) {
  return async (request: ConfigureRequest): Promise<ConfigureResponse> => {
    const blockDevices = new Map(
      request.blockDevices.map(({ name, path }) => [
        decodeDeviceName('block_devices.name', name),
        decodePath('block_devices.path', path),
      ]),
    );
    const retained = request.zones.map((zone) => ({
      zoneId: decodeZoneId(zone.zoneId),
      generation: decodeGeneration(zone.generation),
      serials: new Set(zone.diskSerials),
    }));
    await zones.configure({ revision: request.revision, blockDevices }, retained);
    return create(ConfigureResponseSchema);
  };
}
