import type { ControlDeps, ControlMethods } from './deps.ts';
import { idsByName } from './resolve-name.ts';

/** Every zone of this name, newest first. NOT_FOUND when there is none. */
export function resolveZoneIds({ state }: Pick<ControlDeps, 'state'>): ControlMethods['resolveZoneIds'] {
  return ({ name }) => ({ zoneIds: idsByName('zone', state.zones.all(), name) });
}
