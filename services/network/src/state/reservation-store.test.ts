import { Code, ConnectError } from '@connectrpc/connect';
import {
  newReservationId,
  newZoneId,
  ownReservationId,
  type ReservationId,
  type ZoneId,
} from '@protect/config/ids';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crashableDatabase } from '../../test/crashable-database.ts';
import { parseSubnet } from '../addressing/subnet.ts';
import { hasZone, type Reservation } from '../reservation.ts';
import { migrations } from './migrations.ts';
import {
  maxStandingReservations,
  openReservationStore,
  type ReservationStore,
  type ReservingZone,
} from './reservation-store.ts';

let counter = 0;
const countingMac = () => {
  counter += 1;
  return Uint8Array.from([2, 0, counter >>> 24, counter >>> 16, counter >>> 8, counter]);
};

const subnets = { ipv4: parseSubnet('ipv4', '10.75.0.0/16'), ipv6: parseSubnet('ipv6', 'fdd4::/48') };

function expectNoDuplicates(store: ReservationStore): void {
  const all = store.all();
  for (const key of [
    all.map(({ id }) => id),
    all.map(({ ipv4 }) => ipv4.address),
    all.map(({ ipv6 }) => ipv6.address),
    all.map(({ mac }) => mac),
  ]) {
    expect(new Set(key).size).toBe(all.length);
  }
  const zones = store.reservations().map(({ zoneId }) => zoneId);
  expect(new Set(zones).size).toBe(zones.length);
}

const zoneOf = (zoneId: ZoneId): ReservingZone => ({ zoneId, generation: 1n, uid: 1000, kind: 'tap' });

test('reservations: thousands, with zones and without, never share an address, killed at any point', async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('reserve' as const),
        count: fc.integer({ min: 1, max: 40 }),
        kept: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constantFrom(
          'free' as const,
          'destroy' as const,
          'assume' as const,
          'assume at once' as const,
        ),
        index: fc.nat(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('create' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('crash' as const),
        point: fc.constantFrom('before' as const, 'after' as const),
      }),
    },
  );
  let made = 0;
  let assumed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const { database, crashNext } = crashableDatabase();
      let store = await openReservationStore(database, countingMac);
      /** What nobody may free but `destroy`. */
      const kept = new Map<ReservationId, string>();
      const reserve = (keep: boolean) => store.reserve(zoneOf(newZoneId()), keep, subnets);
      const keep = ({ id, ipv4 }: Reservation) => kept.set(id, ipv4.address);
      const pickOf = <T>(all: readonly T[], index: number) => all[index % Math.max(all.length, 1)];
      const standing = () => store.all().filter((one) => !hasZone(one));
      // Mostly what can be, sometimes what cannot.
      const pick = (index: number) => pickOf(index % 4 === 0 ? store.all() : standing(), index);
      for (const next of steps) {
        switch (next.do) {
          case 'reserve': {
            const fresh = await Promise.all(Array.from({ length: next.count }, () => reserve(next.kept)));
            made += fresh.length;
            if (next.kept) fresh.forEach(keep);
            break;
          }
          case 'create':
            keep(await store.create(newReservationId(), subnets));
            break;
          case 'free': {
            const victim = pickOf(store.reservations(), next.index);
            if (victim !== undefined) await store.free(victim.zoneId);
            break;
          }
          case 'destroy': {
            const victim = pick(next.index);
            if (victim === undefined) break;
            const destroying = store.destroy(victim.id);
            if (hasZone(victim)) await expect(destroying).rejects.toThrow(`belongs to zone ${victim.zoneId}`);
            else expect(kept.delete(victim.id) && (await destroying)).toBe(true);
            break;
          }
          case 'assume':
          case 'assume at once': {
            const wanted = pick(next.index);
            if (wanted === undefined) break;
            const zones = Array.from({ length: next.do === 'assume' ? 1 : 3 }, newZoneId);
            const attempts = zones.map((zoneId) => store.assume(wanted.id, zoneOf(zoneId)));
            const won = (await Promise.allSettled(attempts)).filter(({ status }) => status === 'fulfilled');
            expect(won).toHaveLength(hasZone(wanted) ? 0 : 1);
            assumed += won.length;
            break;
          }
          case 'crash':
            crashNext(next.point);
            await expect(reserve(false)).rejects.toThrow('killed');
            store = await openReservationStore(database, countingMac);
        }
        expectNoDuplicates(store);
        for (const [id, address] of kept) expect(store.find(id)?.ipv4.address).toBe(address);
      }
      const reopened = await openReservationStore(database, countingMac);
      const byId = (of: ReservationStore) => of.all().toSorted((a, b) => (a.id < b.id ? -1 : 1));
      expect(byId(reopened)).toEqual(byId(store));
    }),
    { numRuns: 60 },
  );
  expect(made).toBeGreaterThan(4_000);
  expect(assumed).toBeGreaterThan(50);
});

test('reservations: what an earlier release has recorded is its zones’ own, and goes with them', async () => {
  const { database, sqlite } = crashableDatabase(2);
  const zoneId = newZoneId();
  sqlite
    .prepare("INSERT INTO reservations VALUES (?, '7', 200001, '10.75.0.9', 16, 'fdd4::9', 48, ?, 'vif')")
    .run(zoneId, '02:00:00:00:00:09');
  for (const migration of migrations.slice(2)) sqlite.exec(migration);
  const store = await openReservationStore(database, countingMac);
  expect(store.all()).toEqual([
    {
      id: ownReservationId(zoneId),
      kept: false,
      ipv4: { address: '10.75.0.9', prefixLength: 16 },
      ipv6: { address: 'fdd4::9', prefixLength: 48 },
      mac: '02:00:00:00:00:09',
      ...{ zoneId, generation: 7n, uid: 200_001, kind: 'vif' },
    },
  ]);
  await store.free(zoneId);
  expect(store.all()).toEqual([]);
});

test('reservations: one that is kept outlives its zone, and the next zone has the same addresses', async () => {
  const { database } = crashableDatabase();
  const store = await openReservationStore(database, countingMac);
  const first = newZoneId();
  const { id, ipv4, ipv6, mac } = await store.reserve(zoneOf(first), true, subnets);
  expect(id).toBe(first);
  await store.free(first);
  expect(store.reservations()).toEqual([]);
  const reopened = await openReservationStore(database, countingMac);
  const second = zoneOf(newZoneId());
  const assumed = await reopened.assume(id, second);
  expect(assumed).toEqual({ id, ipv4, ipv6, mac, kept: true, ...second });
  expect(reopened.reservation(second.zoneId)).toEqual(assumed);
});

test('reservations: what is not there is NOT_FOUND, what another zone has names that zone', async () => {
  const store = await openReservationStore(crashableDatabase().database, countingMac);
  const id = newReservationId();
  await expect(store.assume(id, zoneOf(newZoneId()))).rejects.toMatchObject({ code: Code.NotFound });
  expect(await store.destroy(id)).toBe(false);
  const created = await store.create(id, subnets);
  expect(await store.create(id, subnets)).toEqual(created);
  const zone = zoneOf(newZoneId());
  await store.assume(id, zone);
  const rawMessage = expect.stringContaining(`belongs to zone ${zone.zoneId}`);
  const assuming = store.assume(id, zoneOf(newZoneId()));
  await expect(assuming).rejects.toMatchObject({ code: Code.Aborted, rawMessage });
  await expect(store.destroy(id)).rejects.toMatchObject({ code: Code.Aborted, rawMessage });
});

test('reservations: there is a bound on those that no zone has', async () => {
  const store = await openReservationStore(crashableDatabase().database, countingMac);
  const ids = Array.from({ length: maxStandingReservations }, newReservationId);
  await Promise.all(ids.map((id) => store.create(id, subnets)));
  await expect(store.create(newReservationId(), subnets)).rejects.toMatchObject({
    code: Code.ResourceExhausted,
  });
});

test('reservations: the lowest address that was freed is given next', async () => {
  const store = await openReservationStore(crashableDatabase().database, countingMac);
  const zones = [newZoneId(), newZoneId(), newZoneId()];
  for (const zoneId of zones)
    await store.reserve({ zoneId, generation: 1n, uid: 1, kind: 'vif' }, false, subnets);
  await store.free(zones[1] ?? newZoneId());
  const next = await store.reserve(
    { zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' },
    false,
    subnets,
  );
  expect(next.ipv4).toEqual({ address: '10.75.0.4', prefixLength: 16 });
  expect(next.ipv6).toEqual({ address: 'fdd4::4', prefixLength: 48 });
});

test('reservations: a full subnet is RESOURCE_EXHAUSTED and named, and takes nothing', async () => {
  const store = await openReservationStore(crashableDatabase().database, countingMac);
  const narrow = { ...subnets, ipv6: parseSubnet('ipv6', 'fdd4::/124') };
  const take = () =>
    store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, false, narrow);
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
  const a = await store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, false, subnets);
  const b = await store.reserve({ zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' }, false, subnets);
  expect([a.mac, b.mac]).toEqual(['02:00:00:00:00:01', '02:00:00:00:00:02']);
});

test('reservations: a zone that moves to a new generation keeps its addresses and survives a restart', async () => {
  const { database } = crashableDatabase();
  const store = await openReservationStore(database, countingMac);
  const first = await store.reserve(
    { zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' },
    false,
    subnets,
  );
  await store.put({ ...first, generation: 2n, uid: 7 });
  const second = await store.reserve(
    { zoneId: newZoneId(), generation: 1n, uid: 1, kind: 'vif' },
    false,
    subnets,
  );
  expect(second.ipv4.address).not.toBe(first.ipv4.address);
  const reopened = await openReservationStore(database, countingMac);
  expect(reopened.reservation(first.zoneId)).toEqual({ ...first, generation: 2n, uid: 7 });
});
