import { Writable } from 'node:stream';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  OciImageProgressLayerPhase as LayerPhase,
  OciImageProgressSchema,
  OciImageProgressPhase as Phase,
} from '@protect/proto/control-common';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPullProgress } from './pull-progress.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const mib = 1024n ** 2n;

function layer(
  letter: string,
  phase: LayerPhase,
  current: bigint,
): NonNullable<MessageInitShape<typeof OciImageProgressSchema>['layers']>[number] {
  const bar = { message: '', current: current * mib, total: 12n * mib, isBytes: true };
  return { id: digest(letter), phase, indication: { indication: { case: 'bar', value: bar } } };
}

const downloading = create(OciImageProgressSchema, {
  phase: Phase.LAYER_DOWNLOAD,
  layers: [
    layer('a', LayerPhase.DOWNLOADED, 12n),
    layer('b', LayerPhase.DOWNLOADING, 3n),
    layer('c', LayerPhase.WAITING, 0n),
  ],
});

/** A stream that keeps what is written until it is read. */
function written(terminal: { isTTY?: boolean; rows?: number; columns?: number } = {}) {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  const read = () => {
    const taken = text;
    text = '';
    return taken;
  };
  return { stderr: Object.assign(stream, terminal), read };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('on a terminal each layer is a line with a bar, drawn over the last ones and removed at the end', () => {
  const { stderr, read } = written({ isTTY: true, rows: 24, columns: 90 });
  const progress = createPullProgress({ stderr }, 'alpine');
  progress.show(downloading);
  expect(read().split('\r\n')).toEqual([
    'alpine: layer download',
    'aaaaaaaaaaaa: downloaded',
    'bbbbbbbbbbbb: downloading  [=======>                      ] 3.0 MiB/12.0 MiB',
    'cccccccccccc: waiting      [                              ] 0 B/12.0 MiB',
  ]);
  progress.show(create(OciImageProgressSchema, { phase: Phase.PACK }));
  expect(read().startsWith('\r\x1b[3A\x1b[Jalpine: pack\r\naaaaaaaaaaaa: downloaded\r\n')).toBe(true);
  progress.end();
  expect(read()).toBe('\r\x1b[3A\x1b[J');
});

test('a small terminal shows what fits', () => {
  const { stderr, read } = written({ isTTY: true, rows: 3, columns: 30 });
  createPullProgress({ stderr }, 'alpine').show(downloading);
  expect(read().split('\r\n')).toEqual(['alpine: layer download', 'aaaaaaaaaaaa: downloaded']);
});

test('elsewhere a pull that takes long is told step by step, each step once', () => {
  const { stderr, read } = written();
  const progress = createPullProgress({ stderr }, 'alpine');
  progress.show(create(OciImageProgressSchema, { phase: Phase.RESOLVING }));
  expect(read()).toBe('');
  progress.show(downloading);
  vi.advanceTimersByTime(2_000);
  progress.show(downloading);
  progress.show(create(OciImageProgressSchema, { phase: Phase.PACK }));
  progress.end();
  expect(read()).toBe('alpine: layer download\naaaaaaaaaaaa: downloaded (12.0 MiB)\nalpine: pack\n');
});

test('elsewhere a pull from the cache says nothing', () => {
  const { stderr, read } = written();
  const progress = createPullProgress({ stderr }, 'alpine');
  progress.show(create(OciImageProgressSchema, { phase: Phase.COMPLETE }));
  progress.end();
  vi.advanceTimersByTime(10_000);
  expect(read()).toBe('');
});
