import { newZoneId } from '@protect/config/ids';
import { beforeEach, expect, it } from 'vitest';
import { openState, type State } from '../state/state.ts';
import { currentResources } from '../state/zone-record.ts';
import { memoryDatabase } from '../testing/test-daemon.ts';
import { createPendingRecords, type PendingRecords } from './pending-records.ts';
import { askedZoneSpec, zoneRecordOf } from './test-zone.ts';

let state: State;
let pending: PendingRecords;

beforeEach(async () => {
  state = await openState(memoryDatabase());
  pending = createPendingRecords(state);
});

const resources = (targetMemoryMib: number) => ({ ...askedZoneSpec().resources, targetMemoryMib });
const zone = (id = newZoneId(), mib = 256) =>
  zoneRecordOf({ id, spec: askedZoneSpec({ resources: resources(mib) }) });
const targets = () => pending.known().map((record) => currentResources(record).targetMemoryMib);

it('counts a zone from before it is stored on, and once', async () => {
  const record = zone();
  const seen: number[][] = [];
  await pending.during(record, async () => {
    seen.push(targets());
    await state.zones.insert(record);
    seen.push(targets());
  });
  expect([...seen, targets()]).toEqual([[256], [256], [256]]);
});

it('counts the larger memory of a zone that changes', async () => {
  const record = zone();
  await state.zones.insert(record);
  for (const [mib, counted] of [
    [512, 512],
    [128, 256],
  ] as const) {
    await pending.during({ ...record, resources: resources(mib) }, async () => {
      expect(targets()).toEqual([counted]);
    });
  }
});

it('forgets what could not be stored', async () => {
  const storing = pending.during(zone(), () => Promise.reject(new Error('disk full')));
  await expect(storing).rejects.toThrow('disk full');
  expect(targets()).toEqual([]);
});
