import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstLookMs, type MemoryView, nextLookMs, nextTargetMib } from './memory-policy.ts';
import { minMemoryMib } from './validate.ts';

/** Bounds as validation lets them through, a target between them, and any use. */
const anyView: fc.Arbitrary<MemoryView> = fc
  .record({
    minMib: fc.integer({ min: minMemoryMib, max: 4096 }),
    above: fc.nat(65_536),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    use: fc.double({ min: 0, max: 1.2, noNaN: true }),
    reserved: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ minMib, above, share, use, reserved }) => {
    const targetMib = Math.round(minMib + above * share);
    const reservedMib = Math.round(targetMib * reserved);
    const usedMib = Math.round((targetMib - reservedMib) * use);
    return { minMib, maxMib: minMib + above, targetMib, usedMib, reservedMib };
  });

/** Targets one after the other while the use stays, up to where they stay too. */
function settle(view: MemoryView): number[] {
  const targets = [view.targetMib];
  for (;;) {
    const targetMib = targets.at(-1) ?? 0;
    const next = nextTargetMib({ ...view, targetMib });
    if (next === targetMib) return targets;
    targets.push(next);
    if (targets.length > 64) throw new Error(`it does not settle: ${targets.join(' ')}`);
  }
}

describe('the memory of a dynamic zone', () => {
  it('is halved when nine tenths of what its kernel counts are unused', () => {
    const zone = { targetMib: 1100, reservedMib: 100, minMib: 64, maxMib: 2000 };
    expect(nextTargetMib({ ...zone, usedMib: 100 })).toBe(550);
    expect(nextTargetMib({ ...zone, usedMib: 101 })).toBe(1100);
  });

  it('stays when it would have to grow again', () => {
    expect(nextTargetMib({ usedMib: 5, reservedMib: 50, targetMib: 128, minMib: 64, maxMib: 2000 })).toBe(
      128,
    );
  });

  it('grows to twice the use when seven tenths are used, and has 80 MiB to spare at least', () => {
    const zone = { reservedMib: 100, minMib: 64, maxMib: 2000 };
    expect(nextTargetMib({ ...zone, targetMib: 1000, usedMib: 600 })).toBe(1400);
    expect(nextTargetMib({ ...zone, targetMib: 1000, usedMib: 599 })).toBe(1000);
    expect(nextTargetMib({ ...zone, targetMib: 1000, usedMib: 600, maxMib: 1200 })).toBe(1200);
    expect(nextTargetMib({ ...zone, targetMib: 64, usedMib: 20, reservedMib: 40 })).toBe(140);
  });

  it('is never below the least nor above the most', async () => {
    await fc.assert(
      fc.property(anyView, (view) => {
        const next = nextTargetMib(view);
        expect(next).toBeGreaterThanOrEqual(view.minMib);
        expect(next).toBeLessThanOrEqual(view.maxMib);
      }),
    );
  });

  it('settles while the use stays, and never turns round on the way', async () => {
    await fc.assert(
      fc.property(anyView, (view) => {
        const targets = settle(view);
        const sorted = targets.toSorted((a, b) => a - b);
        expect([sorted, sorted.toReversed()]).toContainEqual(targets);
      }),
    );
  });

  it('grows in one step, and shrinks by half at most', async () => {
    await fc.assert(
      fc.property(anyView, (view) => {
        const next = nextTargetMib(view);
        if (next > view.targetMib) expect(nextTargetMib({ ...view, targetMib: next })).toBe(next);
        expect(next).toBeGreaterThanOrEqual(Math.min(view.targetMib / 2, view.maxMib));
      }),
    );
  });

  it('has room for what is used whenever there may be any', async () => {
    await fc.assert(
      fc.property(anyView, (view) => {
        const next = nextTargetMib(view);
        expect(next === view.maxMib || next > view.usedMib + view.reservedMib).toBe(true);
      }),
    );
  });
});

it('is looked at after 100 ms, then less and less often down to every 2 s, and often again after a change', () => {
  const looks = [firstLookMs];
  for (let look = 0; look < 6; look++) looks.push(nextLookMs(looks.at(-1) ?? 0, false));
  expect(looks).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
  expect(nextLookMs(2_000, true)).toBe(100);
});
