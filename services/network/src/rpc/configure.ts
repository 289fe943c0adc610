import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type ConfigureRequest,
  type ConfigureResponse,
  ConfigureResponseSchema,
} from '@protect/proto/network';
import type { Zones } from '../zones.ts';
import { decodeGeneration, decodeNameserver, decodeSubnet, decodeZoneId } from './decode.ts';

/**
 * Takes the configuration and frees what the daemon does not retain. The daemon sends it before it prepares
 * any zone that the list does not name, else that zone's link would be freed. Zones that exist keep the
 * addresses they have when a subnet changes.
 */
export function configure(zones: Zones) {
  return async (request: ConfigureRequest, context: HandlerContext): Promise<ConfigureResponse> => {
    await zones.configure(
      {
        revision: request.revision,
        ipv4: decodeSubnet('ipv4', request.ipv4Subnet),
        ipv6: decodeSubnet('ipv6', request.ipv6Subnet),
        nameservers: request.nameservers.map(decodeNameserver),
      },
      request.zones.map((zone) => ({
        zoneId: decodeZoneId(zone.zoneId),
        generation: decodeGeneration(zone.generation),
      })),
      context.signal,
    );
    return create(ConfigureResponseSchema);
  };
}
