import { invalidField } from '../invalid-argument.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainZoneSpec } from './zone-wire.ts';

/** Set to `true` by a caller for whom the zone's kernel and ramdisk shall be read anew, the default ones too. */
const overwriteHeader = 'protect-overwrite-cache';

/** Accepts a zone; its state tells how the making went. */
export function createZone({ zones }: Pick<ControlDeps, 'zones'>): ControlMethods['createZone'] {
  return async ({ spec }, { requestHeader }) => {
    if (spec === undefined) throw invalidField('spec', 'the request has no spec');
    const imagesAnew = requestHeader.get(overwriteHeader) === 'true';
    return { zoneId: await zones.create(toDomainZoneSpec(spec), { imagesAnew }) };
  };
}
