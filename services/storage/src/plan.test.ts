import { newZoneId, type ZoneId } from '@protect/config/ids';
import { expect, test } from 'vitest';
import { planPrepare, planProvide, planRetain, planWithdraw } from './plan.ts';
import type { DiskRecord, DiskSource, ZoneRecord } from './zone-record.ts';

const image: DiskSource = { kind: 'image', path: '/cache/a' };

function zone(zoneId: ZoneId, { generation = 5n, serials = ['image'] } = {}): ZoneRecord {
  const disks = new Map<string, DiskRecord>(
    serials.map((serial) => [serial, { serial, readOnly: true, source: image, device: undefined }]),
  );
  return {
    zoneId,
    generation,
    uid: 200_001,
    scratch: { kind: 'file', sizeBytes: 4096n },
    scratchDevice: undefined,
    disks,
  };
}

const held = zone(newZoneId());
const prepare = { zoneId: held.zoneId, generation: 5n, uid: held.uid, scratch: held.scratch };
const provide = { zoneId: held.zoneId, generation: 5n, serial: 'image', readOnly: true, source: image };

test.each([
  ['an unknown zone is made', undefined, {}, 'make'],
  ['the same again changes nothing', held, {}, 'repeat'],
  ['a newer generation replaces the older', held, { generation: 6n }, 'replace'],
  ['a stale generation is refused', held, { generation: 4n }, 'refuse'],
  ['another user is refused', held, { uid: 7 }, 'refuse'],
  ['another scratch disk is refused', held, { scratch: { kind: 'named', name: 'fast' } as const }, 'refuse'],
  ['no scratch disk where there was one is refused', held, { scratch: undefined }, 'refuse'],
])('prepare: %s', (_, before, change, kind) => {
  expect(planPrepare(before, { ...prepare, ...change }).kind).toBe(kind);
});

test.each([
  ['a zone that is not prepared is refused', undefined, {}, 'refuse'],
  ['a generation that is not prepared yet is refused', held, { generation: 6n }, 'refuse'],
  ['a stale generation is refused', held, { generation: 4n }, 'refuse'],
  ['a new serial is made', held, { serial: 'other' }, 'make'],
  ['the same again changes nothing', held, {}, 'repeat'],
  [
    'another image under the same serial is refused',
    held,
    { source: { kind: 'image', path: '/b' } as const },
    'refuse',
  ],
  [
    'a device in place of an image is refused',
    held,
    { source: { kind: 'device', path: '/cache/a' } as const },
    'refuse',
  ],
])('provide: %s', (_, before, change, kind) => {
  expect(planProvide(before, { ...provide, ...change }).kind).toBe(kind);
});

test.each([
  ['an unknown zone is no error', undefined, {}, 'nothing'],
  ['an unknown serial is no error', held, { serial: 'other' }, 'nothing'],
  ['a disk that is there goes', held, {}, 'remove'],
  ['a stale generation takes nothing from the present one', held, { generation: 4n }, 'refuse'],
])('withdraw: %s', (_, before, change, kind) => {
  expect(planWithdraw(before, { ...provide, ...change }).kind).toBe(kind);
});

test('retain: zones and disks that are not listed go, also folders that nobody knows', () => {
  const kept = zone(newZoneId(), { serials: ['a', 'b'] });
  const old = zone(newZoneId(), { generation: 4n });
  const dropped = zone(newZoneId());
  const stranger = newZoneId();
  const lost = newZoneId();
  const retained = [
    { zoneId: kept.zoneId, generation: 5n, serials: new Set(['b']) },
    { zoneId: old.zoneId, generation: 5n, serials: new Set(['image']) },
    { zoneId: lost, generation: 1n, serials: new Set<string>() },
  ];
  const folders = [kept.zoneId, dropped.zoneId, stranger, lost];
  expect(planRetain([kept, old, dropped], folders, retained)).toEqual([
    { kind: 'withdraw', zoneId: kept.zoneId, serial: 'a' },
    { kind: 'free-zone', zoneId: old.zoneId },
    { kind: 'free-zone', zoneId: dropped.zoneId },
    { kind: 'free-zone', zoneId: stranger },
  ]);
});

test('retain: what is newer than the list is left alone', () => {
  const newer = zone(newZoneId(), { generation: 6n });
  const retained = [{ zoneId: newer.zoneId, generation: 5n, serials: new Set<string>() }];
  expect(planRetain([newer], [newer.zoneId], retained)).toEqual([]);
});
