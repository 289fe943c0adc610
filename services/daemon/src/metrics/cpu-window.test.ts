import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CpuSample, CpuWindow, usagePercent } from './cpu-window.ts';

function sample(atMs: number, ...cpus: readonly (readonly [busy: number, idle: number])[]): CpuSample {
  return {
    atMs,
    cpus: cpus.map(([userMs, idleMs], cpu) => ({
      cpu,
      userMs,
      idleMs,
      systemMs: 0,
      iowaitMs: 0,
      stealMs: 0,
    })),
  };
}

describe('usagePercent', () => {
  it('is the busy part of the time between, for each processor', () => {
    const usage = usagePercent(sample(0, [100, 900], [0, 1000]), sample(1000, [850, 1150], [0, 2000]));
    expect([...usage]).toEqual([
      [0, 75],
      [1, 0],
    ]);
  });

  it('leaves out a processor that was not there, and one whose time stood still', () => {
    expect([...usagePercent(sample(0, [5, 5]), sample(1, [5, 5], [9, 9]))]).toEqual([]);
  });

  it('is between 0 and 100 whatever a zone says', () => {
    const times = fc.tuple(fc.nat(), fc.nat());
    fc.assert(
      fc.property(times, times, (before, after) => {
        for (const percent of usagePercent(sample(0, before), sample(1, after)).values()) {
          expect(percent).toBeGreaterThanOrEqual(0);
          expect(percent).toBeLessThanOrEqual(100);
        }
      }),
    );
  });
});

describe('CpuWindow', () => {
  it('compares with a look of long enough ago, however often somebody looks', () => {
    const window = new CpuWindow();
    expect(window.before(0)).toBeUndefined();
    for (let atMs = 0; atMs <= 5_000; atMs += 200) {
      const before = window.before(atMs);
      if (atMs > 250) expect(before?.atMs).toBeDefined();
      if (before !== undefined) {
        expect(atMs - before.atMs).toBeGreaterThanOrEqual(250);
        expect(atMs - before.atMs).toBeLessThanOrEqual(2_000);
      }
      window.add(sample(atMs));
    }
  });

  it('does not compare with a look of long ago', () => {
    const window = new CpuWindow();
    window.add(sample(0));
    expect(window.before(300_000)?.atMs).toBe(0);
    expect(window.before(300_001)).toBeUndefined();
  });
});
