import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ZoneStatus } from '../state/zone-record.ts';
import { hopZone, isLive, zoneHops } from './state.ts';

const status = fc.constantFrom<ZoneStatus>(
  { state: 'creating' },
  { state: 'created' },
  { state: 'ready' },
  { state: 'exited', exitCode: 0 },
  { state: 'failed', message: 'why' },
  { state: 'destroying' },
  { state: 'destroyed' },
);

describe('zone states', () => {
  it('allow only the hops of the table, and leave the zone where it is otherwise', async () => {
    await fc.assert(
      fc.property(status, status, (from, to) => {
        const allowed = zoneHops[from.state].includes(to.state);
        expect(hopZone(from, to)).toBe(allowed ? to : from);
      }),
    );
  });

  it('never lead back to a live state once a zone has ended', async () => {
    await fc.assert(
      fc.property(fc.array(status, { maxLength: 30 }), (asked) => {
        let at: ZoneStatus = { state: 'creating' };
        let hasEnded = false;
        for (const to of asked) {
          at = hopZone(at, to);
          if (hasEnded) expect(isLive(at.state)).toBe(false);
          hasEnded ||= !isLive(at.state);
        }
      }),
    );
  });

  it('end in destroyed alone', () => {
    const last = Object.entries(zoneHops).flatMap(([state, next]) => (next.length === 0 ? [state] : []));
    expect(last).toEqual(['destroyed']);
  });
});
