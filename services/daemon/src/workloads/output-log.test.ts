import { appendFile, mkdtemp, readdir, readlink, rm, stat, symlink, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeRecord, encodeRecord, type OutputRecord } from './output-frame.ts';
import { OutputLog } from './output-log.ts';
import { readOutput } from './output-reader.ts';
import { segmentPath } from './output-segments.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'output-log-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const text = (value: string) => Buffer.from(value);

function bytesOf(record: OutputRecord): Buffer {
  const { header, payload } = encodeRecord(record);
  return Buffer.concat([header, payload]);
}

async function readAll(log: OutputLog, follow = false, signal = new AbortController().signal) {
  let stdout = '';
  let stderr = '';
  const ends: number[] = [];
  for await (const records of readOutput(log, { mayFollow: () => follow, signal })) {
    for (const record of records) {
      if (record.kind === 'stdout') stdout += Buffer.from(record.data).toString();
      if (record.kind === 'stderr') stderr += Buffer.from(record.data).toString();
      if (record.kind === 'end') ends.push(record.run);
    }
  }
  return { stdout, stderr, ends };
}

/** What this process has open. */
async function openFiles(): Promise<string[]> {
  const names = await readdir('/proc/self/fd');
  return await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
}

describe('output log', () => {
  it('takes on when the disk that was full at the beginning of a segment has room', async () => {
    await using closing = await closable(await OutputLog.open(folder));
    const { log } = closing;
    await symlink('/dev/full', segmentPath(folder, 1));
    await expect(log.append(1, 'stdout', 0, text('hello'))).rejects.toThrow(/beginning a segment/);
    expect(await openFiles()).not.toContain('/dev/full');
    await log.append(1, 'stdout', 0, text('hello'));
    expect(await readAll(log)).toMatchObject({ stdout: 'hello' });
  });

  it('gives back both streams of a run and its end', async () => {
    await using closing = await closable(await OutputLog.open(folder));
    const { log } = closing;
    await log.append(1, 'stdout', 0, text('hello '));
    await log.append(1, 'stderr', 0, text('oh'));
    await log.append(1, 'stdout', 6, text('world'));
    await log.endRun(1);
    expect(await readAll(log)).toEqual({ stdout: 'hello world', stderr: 'oh', ends: [1] });
    expect(log.stored).toEqual({ run: 1, stdout: 11, stderr: 2, ended: true });
  });

  it('drops bytes that it holds already', async () => {
    await using closing = await closable(await OutputLog.open(folder));
    const { log } = closing;
    await log.append(1, 'stdout', 0, text('abcdef'));
    await log.append(1, 'stdout', 3, text('defghi'));
    await log.append(1, 'stdout', 0, text('abc'));
    expect((await readAll(log)).stdout).toBe('abcdefghi');
  });

  it('goes on at the stored offsets after it was opened anew', async () => {
    const first = await OutputLog.open(folder);
    await first.append(2, 'stdout', 0, text('one'));
    await first.close();
    await using closing = await closable(await OutputLog.open(folder));
    const { log } = closing;
    expect(log.resumeAt(2)).toEqual({ run: 2, stdout: 3, stderr: 0, ended: false });
    expect(log.resumeAt(3)).toEqual({ run: 3, stdout: 0, stderr: 0, ended: false });
    await log.append(2, 'stdout', 3, text('two'));
    expect((await readAll(log)).stdout).toBe('onetwo');
  });

  it('cuts off a tail that a crash tore, at every length of the tear', async () => {
    const first = await OutputLog.open(folder);
    await first.append(1, 'stdout', 0, text('kept'));
    await first.close();
    const path = segmentPath(folder, 1);
    const { size } = await stat(path);
    const torn = bytesOf({ kind: 'stdout', run: 1, offset: 4, atMs: 0, data: text('torn') });
    for (let length = 1; length < torn.length; length++) {
      await truncate(path, size);
      await appendFile(path, torn.subarray(0, length));
      const log = await OutputLog.open(folder);
      expect(log.resumeAt(1).stdout).toBe(4);
      expect((await stat(path)).size).toBe(size);
      await log.close();
    }
  });

  it('goes on from the segment before when the last one has no whole record', async () => {
    const first = await OutputLog.open(folder);
    await first.append(1, 'stdout', 0, text('kept'));
    await first.close();
    await appendFile(segmentPath(folder, 2), Buffer.from([5, 1, 2]));
    await using closing = await closable(await OutputLog.open(folder));
    const { log } = closing;
    await log.append(1, 'stdout', 4, text('!'));
    expect((await readAll(log)).stdout).toBe('kept!');
  });

  it('keeps a bounded number of segments, and knows its offsets from the newest alone', async () => {
    const limits = { segmentBytes: 400, segments: 3 };
    const first = await OutputLog.open(folder, limits);
    for (let i = 0; i < 100; i++) await first.append(1, 'stdout', i * 10, text('0123456789'));
    await first.close();
    expect((await readdir(folder)).length).toBe(3);
    await using closing = await closable(await OutputLog.open(folder, limits));
    expect(closing.log.resumeAt(1).stdout).toBe(1000);
    expect((await readAll(closing.log)).stdout.length).toBeLessThan(1000);
  });

  it('lets a reader follow while it is written, over rotations, to the end', async () => {
    const log = await OutputLog.open(folder, { segmentBytes: 2000, segments: 1000 });
    const reading = readAll(log, true);
    let expected = '';
    for (let i = 0; i < 300; i++) {
      const line = `line ${i}\n`;
      await log.append(1, 'stdout', expected.length, text(line));
      expected += line;
    }
    await log.endRun(1);
    await log.close();
    expect(await reading).toEqual({ stdout: expected, stderr: '', ends: [1] });
  });

  it('ends a waiting reader when it is aborted', async () => {
    await using closing = await closable(await OutputLog.open(folder));
    const abort = new AbortController();
    const reading = readAll(closing.log, true, abort.signal);
    abort.abort();
    expect(await reading).toEqual({ stdout: '', stderr: '', ends: [] });
  });

  it('stores output larger than a record', async () => {
    await using closing = await closable(await OutputLog.open(folder));
    const data = Buffer.alloc(1_000_000, 'x');
    await closing.log.append(1, 'stderr', 0, data);
    expect((await readAll(closing.log)).stderr).toBe(data.toString());
  });

  it('stores whatever order of overlapping pieces exactly once', async () => {
    const whole = Buffer.from(Array.from({ length: 500 }, (_, i) => 97 + (i % 26)));
    const starts = fc.array(fc.tuple(fc.nat(100), fc.nat(100)), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(starts, async (moves) => {
        const own = await mkdtemp(join(folder, 'property-'));
        const log = await OutputLog.open(own, { segmentBytes: 300, segments: 1000 });
        let known = 0;
        for (const [back, forward] of moves) {
          const from = Math.max(0, known - back);
          const to = Math.min(whole.length, known + forward);
          await log.append(1, 'stdout', from, whole.subarray(from, to));
          known = Math.max(known, to);
        }
        expect((await readAll(log)).stdout).toBe(whole.subarray(0, known).toString());
        await log.close();
      }),
      { numRuns: 30 },
    );
  });
});

describe('output record', () => {
  it('survives the way to bytes and back, and no other bytes pass for one', async () => {
    const record = fc.record({
      kind: fc.constantFrom('stdout' as const, 'stderr' as const),
      run: fc.nat(),
      offset: fc.maxSafeNat(),
      atMs: fc.maxSafeNat(),
      data: fc.uint8Array({ maxLength: 200 }),
    });
    await fc.assert(
      fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, flip) => {
        const bytes = bytesOf(value);
        expect(decodeRecord(bytes, 0)).toEqual({ record: value, next: bytes.length });
        const at = place % bytes.length;
        bytes.writeUInt8(bytes.readUInt8(at) ^ flip, at);
        expect(decodeRecord(bytes, 0)).toBeUndefined();
      }),
    );
  });
});

async function closable(log: OutputLog) {
  return {
    log,
    async [Symbol.asyncDispose]() {
      await log.close();
    },
  };
}
