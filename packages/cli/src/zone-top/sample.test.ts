import { create } from '@bufbuild/protobuf';
import { MetricFormat, MetricNodeSchema } from '@protect/proto/control-common';
import { expect, test } from 'vitest';
import { readUse } from './sample.ts';

const number = (name: string, value: number) => ({
  name,
  format: MetricFormat.PERCENT,
  value: { kind: { case: 'numberValue' as const, value } },
});

test('a zone is as busy as its processors together', () => {
  const system = create(MetricNodeSchema, {
    name: 'system',
    children: [
      { name: 'memory', children: [number('total', 100), number('used', 60), number('free', 30)] },
      {
        name: 'cpu',
        children: [
          number('online', 2),
          { name: '0', children: [number('usage', 75)] },
          { name: '1', children: [number('usage', 50)] },
        ],
      },
    ],
  });
  expect(readUse(system)).toEqual({ memory: { total: 100, used: 60, free: 30 }, busyPercent: 125 });
});

test('what is not told is unknown', () => {
  expect(readUse(create(MetricNodeSchema, { name: 'system' }))).toEqual({
    memory: { total: undefined, used: undefined, free: undefined },
    busyPercent: undefined,
  });
});
