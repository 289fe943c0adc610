import type { ControlDeps, ControlMethods } from './deps.ts';
import { inPages, specBytes } from './pages.ts';
import { toWireZone } from './zone-wire.ts';

/** All zones, oldest first, some in each message; at least one message. */
export function listZones({
  state,
  hostUuid,
}: Pick<ControlDeps, 'state' | 'hostUuid'>): ControlMethods['listZones'] {
  return async function* () {
    const zones = state.zones.all().sort((a, b) => a.createdAtMs - b.createdAtMs);
    for (const page of inPages(zones, ({ spec }) => specBytes(spec)))
      yield { zones: page.map((zone) => toWireZone(zone, hostUuid)) };
  };
}
