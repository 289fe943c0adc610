import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';

/** Accepts the end of a zone; a DESTROYED event tells when nothing is left of it. */
export function destroyZone({ zones }: Pick<ControlDeps, 'zones'>): ControlMethods['destroyZone'] {
  return async ({ zoneId }) => {
    await zones.destroy(decodeZoneId(zoneId));
    return {};
  };
}
