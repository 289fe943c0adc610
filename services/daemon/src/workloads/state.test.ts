import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WorkloadStatus } from '../state/workload-record.ts';
import { hopWorkload, workloadHops } from './state.ts';

const status = fc.constantFrom<WorkloadStatus>(
  { state: 'creating' },
  { state: 'created' },
  { state: 'running' },
  { state: 'completed', exitCode: 0, signal: 0, oomKilled: false },
  { state: 'failed', message: 'why' },
  { state: 'destroying' },
  { state: 'destroyed' },
);

describe('workload states', () => {
  it('allow only the hops of the table, and leave the workload where it is otherwise', async () => {
    await fc.assert(
      fc.property(status, status, (from, to) => {
        const allowed = workloadHops[from.state].includes(to.state);
        expect(hopWorkload(from, to)).toBe(allowed ? to : from);
      }),
    );
  });

  it('take a failed workload nowhere but to its end', async () => {
    await fc.assert(
      fc.property(fc.array(status, { maxLength: 20 }), (asked) => {
        let at: WorkloadStatus = { state: 'failed', message: 'why' };
        for (const to of asked) {
          at = hopWorkload(at, to);
          expect(['failed', 'destroying', 'destroyed']).toContain(at.state);
        }
      }),
    );
  });
});
