import { create } from '@bufbuild/protobuf';
import { ZoneSchema, ZoneState } from '@protect/proto/control-common';
import { expect, test } from 'vitest';
import { createZoneCounts } from './zone-counts.ts';

const zone = (id: string, state: ZoneState) => create(ZoneSchema, { id, status: { state } });

test('a list replaces all, changes move zones between states, and destroyed zones are forgotten', () => {
  const counts = createZoneCounts();
  counts.replace([zone('a', ZoneState.READY), zone('b', ZoneState.READY), zone('c', ZoneState.FAILED)]);
  expect(counts.counts()).toEqual(
    new Map([
      ['ready', 2],
      ['failed', 1],
    ]),
  );
  counts.change(zone('a', ZoneState.DESTROYING));
  counts.change(zone('b', ZoneState.DESTROYED));
  counts.change(zone('d', ZoneState.CREATING));
  expect(counts.counts()).toEqual(
    new Map([
      ['destroying', 1],
      ['failed', 1],
      ['creating', 1],
    ]),
  );
  counts.replace([]);
  expect(counts.counts().size).toBe(0);
});
