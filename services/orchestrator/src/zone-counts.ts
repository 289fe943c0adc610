import { type Zone, ZoneState } from '@protect/proto/control-common';

/** States as they are shown, without prefix and in lower case. */
export const zoneStateNames = [
  'creating',
  'created',
  'ready',
  'exited',
  'destroying',
  'destroyed',
  'failed',
] as const;

export type ZoneStateName = (typeof zoneStateNames)[number];

const names: Partial<Record<ZoneState, ZoneStateName>> = {
  [ZoneState.CREATING]: 'creating',
  [ZoneState.CREATED]: 'created',
  [ZoneState.READY]: 'ready',
  [ZoneState.EXITED]: 'exited',
  [ZoneState.DESTROYING]: 'destroying',
  [ZoneState.DESTROYED]: 'destroyed',
  [ZoneState.FAILED]: 'failed',
};

/** Zones by id and state, kept from whole objects: a list first, then each change. */
export interface ZoneCounts {
  replace(zones: Iterable<Zone>): void;
  change(zone: Zone): void;
  counts(): Map<ZoneStateName, number>;
}

export function createZoneCounts(): ZoneCounts {
  const states = new Map<string, ZoneStateName>();
  const change = (zone: Zone) => {
    const state = names[zone.status?.state ?? ZoneState.UNKNOWN];
    // A destroyed zone is gone; nothing is told of it again.
    if (state === undefined || state === 'destroyed') states.delete(zone.id);
    else states.set(zone.id, state);
  };
  return {
    replace(zones) {
      states.clear();
      for (const zone of zones) change(zone);
    },
    change,
    counts() {
      const counts = new Map<ZoneStateName, number>();
      for (const state of states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
      return counts;
    },
  };
}
