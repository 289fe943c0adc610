import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { GetHostStatusReplySchema } from '@protect/proto/control';
import { ZoneSchema, ZoneState } from '@protect/proto/control-common';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { displayWidth } from '../display-width.ts';
import { stepped } from './run.ts';
import type { MemoryUse, TopSample, ZoneSample } from './sample.ts';
import { type Key, parseKeys } from './screen.ts';
import { sortOrders, type TopView, topFrame, topLines } from './view.ts';

const nowMs = 1_800_000_000_000;
const mib = 1024 ** 2;

function zone(name: string, state: ZoneState, memory?: MemoryUse, busyPercent?: number): ZoneSample {
  return {
    zone: create(ZoneSchema, {
      id: '6f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f',
      spec: { name },
      status: {
        state,
        readyAt: timestampFromMs(nowMs - 3_700_000),
        resourceStatus: { activeResources: { targetCpus: 2, targetMemory: 512n } },
      },
    }),
    use: memory && { memory, busyPercent },
  };
}

function sample(zones: readonly ZoneSample[], withoutMetrics?: string): TopSample {
  const host = create(GetHostStatusReplySchema, {
    protectVersion: '0.1.0',
    hostUuid: 'b5c1d9a0-2222-4222-8222-222222222222',
    hypFreeMem: 3n * 1024n ** 3n,
  });
  return { host, zones, withoutMetrics };
}

const busy = zone('web', ZoneState.READY, { total: 500 * mib, used: 123 * mib, free: 377 * mib }, 103.6);
const view: TopView = { sort: 'name', scroll: 0, notice: undefined };
const plain = { colours: false, nowMs };

test('a screen has the host, the zones and the keys', () => {
  const { lines } = topFrame(
    sample([busy, zone('old', ZoneState.FAILED)]),
    view,
    { rows: 8, columns: 120 },
    plain,
  );
  expect(lines.map((line) => line.trimEnd())).toEqual([
    'protect 0.1.0  host b5c1d9a0-2222-4222-8222-222222222222  3.0 GiB free for zones',
    '2 zones: 1 ready, 1 failed',
    '\x1b[7mname  id                                    status     up  cpus   busy  total memory  used memory  free memory          \x1b[27m',
    'old   6f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f  failed            2            512.0 MiB',
    'web   6f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f  ready   1h 1m     2  104 %     500.0 MiB    123.0 MiB    377.0 MiB',
    '',
    '',
    'q quit  s sort (name)  ↑↓ scroll',
  ]);
});

test('a small terminal keeps name, status and used memory longest', () => {
  const header = (columns: number) =>
    topFrame(sample([busy]), view, { rows: 8, columns }, plain)
      .lines[2]?.replaceAll(/[^a-z ]/g, '')
      .trim();
  expect(header(105)).toMatch(/^mname {2}id +status {2}cpus/);
  expect(header(62)).toBe('mname  status   busy  total memory  used memory  free memory   m');
  expect(header(30)).toBe('mname  status  used memory     m');
});

test('states have colours where there are any, and zones without metrics are told why', () => {
  const { lines } = topFrame(
    sample([zone('old', ZoneState.FAILED)], 'ReadZoneMetrics is not available yet'),
    view,
    { rows: 8, columns: 120 },
    { colours: true, nowMs },
  );
  expect(lines[3]).toContain('\x1b[31mfailed\x1b[39m');
  expect(lines[6]).toBe('ReadZoneMetrics is not available yet');
});

test('zones are sorted by name, by use or by state', () => {
  const small = zone('a', ZoneState.READY, { total: 1, used: 1, free: 1 });
  const zones = [busy, zone('b', ZoneState.CREATING), small];
  const order = (sort: TopView['sort']) =>
    topFrame(sample(zones), { ...view, sort }, { rows: 8, columns: 120 }, plain)
      .lines.slice(3, 6)
      .map((line) => line.split(' ')[0]);
  expect(order('name')).toEqual(['a', 'b', 'web']);
  expect(order('used memory')).toEqual(['web', 'a', 'b']);
  expect(order('busy')).toEqual(['web', 'a', 'b']);
  expect(order('status')).toEqual(['b', 'a', 'web']);
});

test('without a screen there is a header and a line for each zone', () => {
  expect(topLines(sample([busy]), nowMs)).toHaveLength(2);
});

test('no frame is larger than its terminal, whatever the zones are called and wherever it was scrolled', () => {
  const names = fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 12 });
  const number = fc.integer({ min: 1, max: 150 });
  const keys = fc.array(fc.constantFrom('up', 'down', 'page-up', 'page-down', 'sort'), { maxLength: 4 });
  fc.assert(
    fc.property(names, number, number, keys, (named, rows, columns, pressed) => {
      const size = { rows, columns };
      const shown = sample(named.map((name) => zone(name, ZoneState.READY)));
      let at = view;
      for (const key of pressed) {
        at = stepped(at, key as Exclude<Key, 'quit' | 'interrupt'>, rows);
        const frame = topFrame(shown, at, size, plain);
        at = { ...at, scroll: frame.scroll };
        expect(frame.scroll).toBeGreaterThanOrEqual(0);
        expect(frame.lines.length).toBeLessThanOrEqual(rows);
        for (const line of frame.lines) {
          const text = line.replaceAll('\x1b[7m', '').replaceAll('\x1b[27m', '');
          expect(displayWidth(text)).toBeLessThanOrEqual(columns);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('the key for sorting steps through all orders', () => {
  let at = view;
  const seen = sortOrders.map(() => {
    at = stepped(at, 'sort', 24);
    return at.sort;
  });
  expect(new Set(seen)).toEqual(new Set(sortOrders));
});

test.each([
  ['q', ['quit']],
  ['\x03', ['interrupt']],
  ['\x1b[A\x1b[Bjk', ['up', 'down', 'down', 'up']],
  ['\x1b[5~s\x1b[6~', ['page-up', 'sort', 'page-down']],
  // A mouse, a function key and Alt-q are no keys of ours, nor are their letters.
  ['\x1b[<0;1;2M\x1bOP\x1b[15~\x1bq', []],
  ['\x1b', []],
])('%j are the keys %j', (typed, keys) => {
  expect(parseKeys(typed)).toEqual(keys);
});

test('nothing that is typed keeps a key from being read to its end', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (typed) => parseKeys(typed).length <= typed.length));
});
