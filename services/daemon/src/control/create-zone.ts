import { invalidField } from '../invalid-argument.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainZoneSpec } from './zone-wire.ts';

/** Accepts a zone; its state tells how the making went. */
export function createZone({ zones }: Pick<ControlDeps, 'zones'>): ControlMethods['createZone'] {
  return async ({ spec }) => {
    if (spec === undefined) throw invalidField('spec', 'the request has no spec');
    return { zoneId: await zones.create(toDomainZoneSpec(spec)) };
  };
}
