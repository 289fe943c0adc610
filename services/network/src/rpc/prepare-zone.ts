import { create } from '@bufbuild/protobuf';
import type { HandlerContext } from '@connectrpc/connect';
import {
  LinkKind,
  type PrepareZoneRequest,
  type PrepareZoneResponse,
  PrepareZoneResponseSchema,
} from '@protect/proto/network';
import type { Namespace } from '../namespace.ts';
import type { Zones } from '../zones.ts';
import { decodeGeneration, decodeReservationId, decodeUid, decodeZoneId } from './decode.ts';
import { encodeLink } from './encode-link.ts';

/** Reserves addresses and makes the zone's link; answers once link and policy are in force. */
export function prepareZone(zones: Zones, namespace: Pick<Namespace, 'path'>) {
  return async (request: PrepareZoneRequest, context: HandlerContext): Promise<PrepareZoneResponse> => {
    const assume = request.assumeReservationId;
    const reservation = await zones.prepare(
      {
        zoneId: decodeZoneId(request.zoneId),
        generation: decodeGeneration(request.generation),
        uid: decodeUid(request.uid),
        kind: request.kind === LinkKind.VIF ? 'vif' : 'tap',
        keep: request.keepReservation,
        ...(assume === '' ? {} : { assume: decodeReservationId(assume) }),
      },
      context.signal,
    );
    const link = encodeLink(reservation, namespace.path, zones.configuration().nameservers);
    return create(PrepareZoneResponseSchema, { link });
  };
}
