import { isLive } from '../zones/state.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { resolveName } from './resolve-name.ts';

/** The zone that a name means: the newest that runs, else the newest. */
export function resolveZoneId({ state }: Pick<ControlDeps, 'state'>): ControlMethods['resolveZoneId'] {
  return ({ name }) => ({
    zoneId: resolveName('zone', state.zones.all(), name, ({ status }) => isLive(status.state)).id,
  });
}
