import fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultKinds, planChaos, type WorkloadSlot, type ZoneSlot, zoneOf } from './plan.ts';

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

test('the same seed gives the same plan, and a longer one goes on from a shorter one', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const plan = planChaos(seed, 40);
      expect(planChaos(seed, 40)).toEqual(plan);
      expect(planChaos(seed, 15)).toEqual(plan.slice(0, 15));
    }),
    { numRuns: 50 },
  );
});

test('another seed gives another plan', () => {
  expect(planChaos(1, 10)).not.toEqual(planChaos(2, 10));
});

test('an operation concerns what there is, and none the object of another in its step', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const zones = new Set<ZoneSlot>();
      const workloads = new Set<WorkloadSlot>();
      const drop = (zone: ZoneSlot) => {
        expect(zones.delete(zone)).toBe(true);
        for (const workload of workloads) if (zoneOf(workload) === zone) workloads.delete(workload);
      };
      for (const { operations, fault } of planChaos(seed, 60)) {
        expect(operations.length).toBeGreaterThan(0);
        const zonesBefore = new Set(zones);
        const touched = operations.map((operation) => JSON.stringify({ ...operation, do: '' }));
        expect(new Set(touched).size).toBe(touched.length);
        for (const operation of operations) {
          if (operation.do === 'launch') {
            expect(zones.has(operation.zone)).toBe(false);
            zones.add(operation.zone);
          } else if (operation.do === 'start') {
            expect(zonesBefore.has(zoneOf(operation.workload))).toBe(true);
            expect(workloads.has(operation.workload)).toBe(false);
            workloads.add(operation.workload);
          } else if (operation.do === 'destroy-zone') {
            drop(operation.zone);
          } else if (operation.do === 'destroy-workload') {
            expect(workloads.delete(operation.workload)).toBe(true);
          } else if (operation.do === 'exec') {
            expect(workloads.has(operation.workload)).toBe(true);
          }
        }
        if (fault.kind === 'end-machine') drop(fault.zone);
      }
    }),
    { numRuns: 100 },
  );
});

test('every kind of fault comes in each turn, whatever the seed', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const faults = planChaos(seed, 3 * faultKinds.length).map(({ fault }) => fault);
      const count = (kind: string) => faults.filter((fault) => fault.kind === kind).length;
      expect(count('kill-services')).toBe(18);
      expect(count('restart-nats')).toBeGreaterThanOrEqual(3);
      expect(count('kill-nats')).toBe(3);
      expect(count('end-machine')).toBeGreaterThanOrEqual(2);
      expect(count('fill-disk')).toBe(3);
    }),
    { numRuns: 100 },
  );
});
