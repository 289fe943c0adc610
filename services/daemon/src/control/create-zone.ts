import { Code, ConnectError } from '@connectrpc/connect';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainZoneSpec } from './zone-wire.ts';

/** Accepts a zone; its state tells how the making went. */
export function createZone({ zones }: Pick<ControlDeps, 'zones'>): ControlMethods['createZone'] {
  return async ({ spec }) => {
    if (spec === undefined) throw new ConnectError('the request has no spec', Code.InvalidArgument);
    return { zoneId: await zones.create(toDomainZoneSpec(spec)) };
  };
}
