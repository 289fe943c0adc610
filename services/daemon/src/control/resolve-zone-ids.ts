import type { ControlDeps, ControlMethods } from './deps.ts';
import { findByName } from './resolve-name.ts';

/** Every zone of this name, newest first. */
export function resolveZoneIds({ state }: Pick<ControlDeps, 'state'>): ControlMethods['resolveZoneIds'] {
  return ({ name }) => ({ zoneIds: findByName(state.zones.all(), name).map(({ id }) => id) });
}
