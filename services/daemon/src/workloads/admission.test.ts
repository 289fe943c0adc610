import { Code } from '@connectrpc/connect';
import { newZoneId, type ZoneId } from '@protect/config/ids';
import { expect, test } from 'vitest';
import type { WorkloadRecord } from '../state/workload-record.ts';
import { admitWorkload } from './admission.ts';

const here = newZoneId();
const elsewhere = newZoneId();

function inZone(zoneId: ZoneId): Pick<WorkloadRecord, 'spec'> {
  return { spec: { zoneId } as WorkloadRecord['spec'] };
}

test.each([
  [
    'workloads',
    { workloads: 3, workloadsPerZone: 3 },
    /^this host has 3 workloads, and 3 are the most; .* raise workloads of \[runtime/,
  ],
  [
    'workloads-per-zone',
    { workloads: 9, workloadsPerZone: 2 },
    /^zone .* has 2 workloads, and 2 are the most; .* raise workloads-per-zone of/,
  ],
])('one more than %s of [runtime.limits] says is refused', (_key, limits, message) => {
  const known = [inZone(here), inZone(here), inZone(elsewhere)];
  expect(() => admitWorkload(inZone(here), known, limits)).toThrow(
    expect.objectContaining({ code: Code.ResourceExhausted, rawMessage: expect.stringMatching(message) }),
  );
  expect(() => admitWorkload(inZone(elsewhere), known.slice(1), limits)).not.toThrow();
});
