import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ZoneSchema, ZoneState } from '@protect/proto/control-common';
import { expect, test } from 'vitest';
import { createZoneTable } from './zone-table.ts';

const zone = (id: string, state: ZoneState) => create(ZoneSchema, { id, status: { state } });

test('a list replaces all, changes move zones between states, and destroyed zones are forgotten', () => {
  const table = createZoneTable();
  const states = () => table.zones()?.map(({ id, state }) => `${id} ${state}`);
  expect(states()).toBeUndefined();
  table.replace([zone('a', ZoneState.READY), zone('b', ZoneState.READY), zone('c', ZoneState.FAILED)]);
  expect(states()).toEqual(['a ready', 'b ready', 'c failed']);
  table.change(zone('a', ZoneState.DESTROYING));
  table.change(zone('b', ZoneState.DESTROYED));
  table.change(zone('d', ZoneState.CREATING));
  expect(states()).toEqual(['a destroying', 'c failed', 'd creating']);
  table.replace([]);
  expect(states()).toEqual([]);
  table.forget();
  expect(states()).toBeUndefined();
});

test('a zone is known with its times, and with the pod that its annotations name', () => {
  const table = createZoneTable();
  table.replace([
    create(ZoneSchema, {
      id: 'a',
      spec: {
        annotations: [
          { key: 'io.kubernetes.pod.namespace', value: 'shop' },
          { key: 'io.kubernetes.pod.name', value: 'x'.repeat(1000) },
        ],
      },
      status: { state: ZoneState.READY, createdAt: timestampFromMs(1_000), readyAt: timestampFromMs(2_500) },
    }),
  ]);
  expect(table.zones()).toEqual([
    {
      id: 'a',
      state: 'ready',
      createdAtMs: 1_000,
      readyAtMs: 2_500,
      namespace: 'shop',
      pod: 'x'.repeat(253),
    },
  ]);
});
