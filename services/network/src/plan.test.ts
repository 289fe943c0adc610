import { newReservationId, newZoneId, ownReservationId, type ZoneId } from '@protect/config/ids';
import { expect, test } from 'vitest';
import { linkName } from './links/link-name.ts';
import { planPrepare, planRetain } from './plan.ts';
import type { ZoneReservation } from './reservation.ts';

function reservation(zoneId: ZoneId, last: number, generation = 1n): ZoneReservation {
  return {
    id: ownReservationId(zoneId),
    kept: false,
    zoneId,
    generation,
    uid: 200_000 + last,
    ipv4: { address: `10.75.0.${last}`, prefixLength: 16 },
    ipv6: { address: `fdd4::${last}`, prefixLength: 48 },
    mac: `02:00:00:00:00:${String(last).padStart(2, '0')}`,
    kind: 'tap',
  };
}

const tap = (of: ZoneReservation, told: ZoneReservation | undefined = of) => ({
  name: linkName(of.zoneId),
  reservation: told,
});

test('plan: a zone is made once, repeated as it is, and renewed with its addresses', () => {
  const held = reservation(newZoneId(), 3, 5n);
  const { zoneId, uid, kind } = held;
  expect(planPrepare(undefined, { zoneId, uid, kind, generation: 1n })).toEqual({ kind: 'make' });
  expect(planPrepare(held, { zoneId, uid, kind, generation: 5n })).toEqual({ kind: 'repeat', held });
  expect(planPrepare(held, { zoneId, uid: 1, kind, generation: 6n })).toEqual({ kind: 'renew', held });
});

test('plan: a stale generation, another user and another kind of link are refused', () => {
  const held = reservation(newZoneId(), 3, 5n);
  const { zoneId, uid, kind } = held;
  expect(planPrepare(held, { zoneId, uid, kind, generation: 4n })).toMatchObject({
    kind: 'refuse',
    reason: expect.stringMatching(/^generation 4 .* is stale; generation 5 /),
  });
  expect(planPrepare(held, { zoneId, uid: 1, kind, generation: 5n })).toMatchObject({ kind: 'refuse' });
  expect(planPrepare(held, { zoneId, uid, kind: 'vif', generation: 5n })).toMatchObject({ kind: 'refuse' });
});

test('plan: what is not retained goes, link and reservation alike', () => {
  const [kept, dropped, linkOnly] = [3, 4, 5].map((last) => reservation(newZoneId(), last));
  if (kept === undefined || dropped === undefined || linkOnly === undefined) throw new Error('three zones');
  const actions = planRetain(
    [kept, dropped],
    [tap(kept), tap(dropped), tap(linkOnly), { name: 'pz0123456789ab', reservation: undefined }],
    [{ zoneId: kept.zoneId, generation: 1n }],
  );
  expect(actions).toEqual([
    { kind: 'free-reservation', zoneId: dropped.zoneId },
    { kind: 'remove-link', name: linkName(dropped.zoneId) },
    { kind: 'remove-link', name: linkName(linkOnly.zoneId) },
    { kind: 'remove-link', name: 'pz0123456789ab' },
  ]);
});

test('plan: a link of an older generation goes, its addresses stay', () => {
  const held = reservation(newZoneId(), 3, 1n);
  expect(planRetain([held], [tap(held)], [{ zoneId: held.zoneId, generation: 2n }])).toEqual([
    { kind: 'remove-link', name: linkName(held.zoneId) },
  ]);
});

test('plan: a half-made link of a retained zone stays for PrepareZone to finish', () => {
  const held = reservation(newZoneId(), 3);
  const half = { name: linkName(held.zoneId), reservation: undefined };
  expect(planRetain([held], [half], [{ zoneId: held.zoneId, generation: 1n }])).toEqual([]);
});

test('plan: a retained zone that only its tap knows is adopted, unless its address was given away', () => {
  const lost = reservation(newZoneId(), 3);
  const retained = [{ zoneId: lost.zoneId, generation: 1n }];
  expect(planRetain([], [tap(lost)], retained)).toEqual([{ kind: 'adopt', reservation: lost }]);
  const other = { ...reservation(newZoneId(), 9), ipv4: lost.ipv4 };
  expect(planRetain([other], [tap(lost)], [...retained, { zoneId: other.zoneId, generation: 1n }])).toEqual([
    { kind: 'remove-link', name: linkName(lost.zoneId) },
  ]);
});

test('plan: what stands alone stays, and its addresses are not adopted by a link', () => {
  const { id, ipv4, ipv6, mac } = reservation(newZoneId(), 3);
  const standing = { id: newReservationId(), kept: true, ipv4, ipv6, mac };
  expect(planRetain([standing], [], [])).toEqual([]);
  const lost = { ...reservation(newZoneId(), 9), ipv4 };
  const retained = [{ zoneId: lost.zoneId, generation: 1n }];
  const goes = { kind: 'remove-link', name: linkName(lost.zoneId) };
  expect(planRetain([standing], [tap(lost)], retained)).toEqual([goes]);
  // The addresses of a zone that goes are its reservation's, if that is kept.
  const kept = { ...reservation(newZoneId(), 3), id, kept: true };
  expect(planRetain([kept], [tap(lost)], retained)).toEqual([
    { kind: 'free-reservation', zoneId: kept.zoneId },
    goes,
  ]);
});

test('plan: a zone has one reservation, and cannot assume another too', () => {
  const held = reservation(newZoneId(), 3, 5n);
  const { zoneId, uid, kind, generation } = held;
  const wish = { zoneId, uid, kind, generation };
  expect(planPrepare(held, { ...wish, assume: held.id })).toEqual({ kind: 'repeat', held });
  expect(planPrepare(held, { ...wish, assume: newReservationId() })).toMatchObject({ kind: 'refuse' });
});
