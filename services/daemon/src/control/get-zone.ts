import { decodeZoneId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toWireZone } from './zone-wire.ts';

export function getZone(deps: Pick<ControlDeps, 'zones' | 'hostUuid'>): ControlMethods['getZone'] {
  return ({ zoneId }) => ({ zone: toWireZone(deps.zones.get(decodeZoneId(zoneId)), deps.hostUuid) });
}
