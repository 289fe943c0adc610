import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  type AttachInterfaceRequest,
  type AttachInterfaceResponse,
  AttachInterfaceResponseSchema,
} from '@protect/proto/network';
import type { Zones } from '../zones.ts';
import { decodeGeneration, decodeInterface, decodeZoneId } from './decode.ts';

/** Makes the hypervisor's interface the zone's link; answers when it is up. */
export function attachInterface(zones: Zones) {
  return async (
    request: AttachInterfaceRequest,
    context: HandlerContext,
  ): Promise<AttachInterfaceResponse> => {
    const zoneId = decodeZoneId(request.zoneId);
    const generation = decodeGeneration(request.generation);
    const hostInterface = decodeInterface(request.interface, zoneId);
    await zones.attach({ zoneId, generation, hostInterface }, context.signal);
    return create(AttachInterfaceResponseSchema);
  };
}
