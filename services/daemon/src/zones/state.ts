import type { ZoneState, ZoneStatus } from '../state/zone-record.ts';

/** From each state of a zone, the states that may follow. */
export const zoneHops: Readonly<Record<ZoneState, readonly ZoneState[]>> = {
  creating: ['created', 'failed', 'destroying'],
  created: ['ready', 'exited', 'failed', 'destroying'],
  ready: ['exited', 'failed', 'destroying'],
  exited: ['destroying'],
  failed: ['destroying'],
  destroying: ['destroyed'],
  destroyed: [],
};

/** Whether the zone has, or is getting, a machine. */
export function isLive(state: ZoneState): boolean {
  return state === 'creating' || state === 'created' || state === 'ready';
}

/** `to`, or `from` itself when that hop is not allowed; the same state again is no hop. */
export function hopZone(from: ZoneStatus, to: ZoneStatus): ZoneStatus {
  return zoneHops[from.state].includes(to.state) ? to : from;
}
