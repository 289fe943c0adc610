import { Code, ConnectError } from '@connectrpc/connect';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ZoneRecord } from '../state/zone-record.ts';
import { admit, freeSlot, readHostMemory } from './admission.ts';
import { askedZoneSpec, zoneRecordOf } from './test-zone.ts';
import { completeZoneSpec } from './validate.ts';

const host = {
  cpus: 2,
  defaultMemoryMib: 1024,
  hypervisor: { name: 'qemu', virtualizationBackends: ['qemu'] },
} as const;

const spec = (mib: number) => {
  const asked = askedZoneSpec();
  const resources = { ...asked.resources, maxMemoryMib: mib };
  return completeZoneSpec({ ...asked, resources }, host);
};
const zone = (mib: number, state: 'creating' | 'ready' | 'exited'): ZoneRecord =>
  zoneRecordOf({ spec: spec(mib), status: state === 'exited' ? { state, exitCode: 0 } : { state } });

describe('admission', () => {
  it('takes a zone that fits', () => {
    expect(() => admit(spec(512), [], { totalMib: 2048, availableMib: 512 })).not.toThrow();
  });

  it('refuses a zone that does not, naming what the host has', () => {
    const refuse = () => admit(spec(512), [zone(1024, 'ready')], { totalMib: 2048, availableMib: 300 });
    expect(refuse).toThrow(ConnectError);
    expect(refuse).toThrow(/wants 512 MiB of memory, the host has 300 MiB left/);
    try {
      refuse();
    } catch (error) {
      expect(ConnectError.from(error).code).toBe(Code.ResourceExhausted);
    }
  });

  it('refuses one more than zones of [runtime.limits] says', () => {
    const memory = { totalMib: 8192, availableMib: 8192 };
    expect(() => admit(spec(64), [zone(64, 'ready')], memory, 2)).not.toThrow();
    expect(() => admit(spec(64), [zone(64, 'ready'), zone(64, 'exited')], memory, 2)).toThrow(
      expect.objectContaining({
        code: Code.ResourceExhausted,
        rawMessage: expect.stringMatching(/^this host has 2 zones, and 2 are the most; .*raise zones of/),
      }),
    );
  });

  it('counts zones that are still being made against what is available', () => {
    const memory = { totalMib: 4096, availableMib: 1000 };
    expect(() => admit(spec(512), [zone(512, 'creating')], memory)).toThrow(/488 MiB left/);
    expect(() => admit(spec(512), [zone(512, 'ready')], memory)).not.toThrow();
  });

  it('does not promise all zones together more than the host has', () => {
    const memory = { totalMib: 1500, availableMib: 1400 };
    expect(() => admit(spec(1024), [zone(512, 'ready')], memory)).toThrow(/988 MiB left/);
    expect(() => admit(spec(1024), [zone(512, 'exited')], memory)).not.toThrow();
  });

  it('reads the memory of this host', async () => {
    const { totalMib, availableMib } = await readHostMemory();
    expect(totalMib).toBeGreaterThan(0);
    expect(availableMib).toBeLessThanOrEqual(totalMib);
  });
});

describe('free slot', () => {
  it('is the smallest that nobody has', async () => {
    await fc.assert(
      fc.property(fc.uniqueArray(fc.nat(40)), (slots) => {
        const slot = freeSlot(slots.map((taken) => ({ slot: taken })));
        expect(slots).not.toContain(slot);
        for (let below = 0; below < slot; below++) expect(slots).toContain(below);
      }),
    );
  });
});
