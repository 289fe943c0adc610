import { DatabaseSync } from 'node:sqlite';
import { Code, ConnectError } from '@connectrpc/connect';
import { newZoneId, type ZoneId } from '@protect/config/ids';
import type { Database } from '@protect/service/database';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSubnet } from '../addressing/subnet.ts';
import { migrations } from './migrations.ts';
import { openReservationStore, type ReservationStore } from './reservation-store.ts';

/** A database in memory whose process can be killed before or after a commit. */
function crashableDatabase() {
  const sqlite = new DatabaseSync(':memory:');
  for (const migration of migrations) sqlite.exec(migration);
  let crash: 'before' | 'after' | undefined;
  const database: Pick<Database, 'read' | 'transaction'> = {
    async read(sql, ...params) {
      return sqlite.prepare(sql).all(...params);
    },
    async transaction(statements) {
      const point = crash;
      crash = undefined;
      if (point === 'before') throw new Error('killed before the commit');
      sqlite.exec('BEGIN');
      try {
        for (const { sql, params } of statements) sqlite.prepare(sql).run(...(params ?? []));
        sqlite.exec('COMMIT');
      } catch (error) {
        sqlite.exec('ROLLBACK');
        throw error;
      }
      if (point === 'after') throw new Error('killed after the commit');
      return statements.map(() => []);
    },
  };
  return { database, crashNext: (point: 'before' | 'after') => (crash = point) };
}

let counter = 0;
const countingMac = () => {
  counter += 1;
  return Uint8Array.from([2, 0, counter >>> 24, counter >>> 16, counter >>> 8, counter]);
};

const subnets = { ipv4: parseSubnet('ipv4', '10.75.0.0/16'), ipv6: parseSubnet('ipv6', 'fdd4::/48') };

function expectNoDuplicates(store: ReservationStore): void {
  const all = store.reservations();
  for (const key of [
    all.map(({ ipv4 }) => ipv4.address),
    all.map(({ ipv6 }) => ipv6.address),
    all.map(({ mac }) => mac),
  ]) {
    expect(new Set(key).size).toBe(all.length);
  }
}

test('reservations: thousands of leases, freed and killed at any point, never share an address', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ kind: fc.constant('reserve' as const), count: fc.integer({ min: 1, max: 40 }) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('free' as const), index: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('crash' as const),
        point: fc.constantFrom('before' as const, 'after' as const),
      }),
    },
  );
  let leases = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const { database, crashNext } = crashableDatabase();
      let store = await openReservationStore(database, countingMac);
      const reserve = (zoneId: ZoneId) =>
        store.reserve({ zoneId, generation: 1n, uid: 1000, kind: 'tap' }, subnets);
      for (const next of steps) {
        if (next.kind === 'reserve') {
          const made = await Promise.all(Array.from({ length: next.count }, () => reserve(newZoneId())));
          leases += made.length;
        } else if (next.kind === 'free') {
          const all = store.reservations();
          const victim = all[next.index % Math.max(all.length, 1)];
          if (victim !== undefined) await store.free(victim.zoneId);
        } else {
          crashNext(next.point);
          await expect(reserve(newZoneId())).rejects.toThrow('killed');
          store = await openReservationStore(database, countingMac);
        }
        expectNoDuplicates(store);
      }
      const reopened = await openReservationStore(database, countingMac);
      const byId = (of: ReservationStore) =>
        of.reservations().toSorted((a, b) => (a.zoneId < b.zoneId ? -1 : 1));
      expect(byId(reopened)).toEqual(byId(store));
    }),
    { numRuns: 60 },
  );
  expect(leases).toBeGreaterThan(5_000);
});

test('reservations: the lowest address that was freed is given next', async () => {
  const store = await openReservationStore(crashableDatabase().database, countingMac);
  const zones = [newZoneId(), newZoneId(), newZoneId()];
  for (const zoneId of zones) await store.reserve({ zoneId, generation: 1n, uid: 1, kind: 'vif' }, subnets);
  await store.free(zones[1] ?? newZoneId());
  const next = await store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, subnets);
  expect(next.ipv4).toEqual({ address: '10.75.0.4', prefixLength: 16 });
  expect(next.ipv6).toEqual({ address: 'fdd4::4', prefixLength: 48 });
});

test('reservations: a full subnet is RESOURCE_EXHAUSTED and named, and takes nothing', async () => {
  const store = await openReservationStore(crashableDatabase().database, countingMac);
  const narrow = { ...subnets, ipv6: parseSubnet('ipv6', 'fdd4::/124') };
  const take = () => store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, narrow);
  for (let count = 0; count < 13; count += 1) await take();
  const failure = await take().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ConnectError);
  expect(failure).toMatchObject({ code: Code.ResourceExhausted });
  expect(String(failure)).toContain('ipv6 subnet fdd4::/124');
  expect(store.reservations()).toHaveLength(13);
});

test('reservations: a MAC address that is taken is not given twice', async () => {
  const randoms = [1, 1, 2].map((last) => Uint8Array.from([2, 0, 0, 0, 0, last]));
  const store = await openReservationStore(
    crashableDatabase().database,
    () => randoms.shift() ?? countingMac(),
  );
  const a = await store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, subnets);
  const b = await store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, subnets);
  expect([a.mac, b.mac]).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02']);
});

test('reservations: a zone that moves to a new generation keeps its addresses and survives a restart', async () => {
  const { database } = crashableDatabase();
  const store = await openReservationStore(database, countingMac);
  const first = await store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, subnets);
  await store.put({ ...first, generation: 2n, uid: 7 });
  const second = await store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, subnets);
  expect(second.ipv4.address).not.toBe(first.ipv4.address);
  const reopened = await openReservationStore(database, countingMac);
  expect(reopened.reservation(first.zoneId)).toEqual({ ...first, generation: 2n, uid: 7 });
});
