import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { MetricFormat, MetricNodeSchema } from '@protect/proto/control-common';
import { expect, test } from 'vitest';
import { formatBytes } from './bytes.ts';
import { formatSeconds } from './durations.ts';
import { keyValuePairs } from './key-value.ts';
import { metricAt, metricNumber, metricTree, metricValues } from './metric-tree.ts';

function number(
  name: string,
  value: number,
  format: MetricFormat,
): MessageInitShape<typeof MetricNodeSchema> {
  return { name, format, value: { kind: { case: 'numberValue', value } } };
}

const root = create(MetricNodeSchema, {
  name: 'zone',
  children: [
    {
      name: 'system',
      children: [
        {
          name: 'memory',
          children: [
            number('total', 268_435_456, MetricFormat.BYTES),
            number('used', 1_536, MetricFormat.BYTES),
          ],
        },
        number('load', 12.345, MetricFormat.PERCENT),
      ],
    },
    {
      name: 'process',
      children: [
        {
          name: '1',
          children: [
            number('lifetime', 93_784, MetricFormat.DURATION_SECONDS),
            number('uid', 0, MetricFormat.INTEGER),
            {
              name: 'cmdline',
              value: {
                kind: {
                  case: 'listValue',
                  value: { values: [{ kind: { case: 'stringValue', value: '/init' } }] },
                },
              },
            },
            { name: 'comm\x1b[2J', value: { kind: { case: 'stringValue', value: 'in\nit' } } },
          ],
        },
      ],
    },
  ],
});

test('a tree shows values as people read them, and nothing that moves the cursor', () => {
  expect(metricTree(root)).toBe(`zone
├── system
│   ├── memory
│   │   ├── total: 256.0 MiB
│   │   └── used: 1.5 KiB
│   └── load: 12.3 %
└── process
    └── 1
        ├── lifetime: 1d 2h
        ├── uid: 0
        ├── cmdline: ["/init"]
        └── comm?[2J: in?it
`);
});

test('key-value has plain numbers under the names on the way to them', () => {
  expect(keyValuePairs(metricValues(root))).toBe(
    'zone.system.memory.total="268435456" zone.system.memory.used="1536" zone.system.load="12.345" ' +
      'zone.process.1.lifetime="93784" zone.process.1.uid="0" zone.process.1.cmdline="[\\"/init\\"]" ' +
      'zone.process.1."comm\\u001b[2J"="in\\nit"',
  );
});

test('a value is found by its path', () => {
  expect(metricNumber(metricAt(root, ['system', 'memory', 'used']))).toBe(1536);
  expect(metricNumber(metricAt(root, ['system', 'memory']))).toBeUndefined();
  expect(metricAt(root, ['system', 'disk', 'used'])).toBeUndefined();
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [5 * 1024 ** 3, '5.0 GiB'],
  [2 ** 70, '1048576.0 PiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, '0s'],
  [59.94, '59.9s'],
  [60, '1m 0s'],
  [3_599, '59m 59s'],
  [86_400, '1d 0h'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});
