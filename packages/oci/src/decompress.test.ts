import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { decompress, withDiffId } from './decompress.ts';
import { digestOf } from './descriptor.ts';

async function* inPieces(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
}

async function all(source: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts).toString();
}

const [one, two] = [Buffer.from('first '), Buffer.from('second')];
const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 9, 9]);

describe('layer compression', () => {
  test.each([
    ['plain', Buffer.concat([one, two])],
    ['gzip', gzipSync(Buffer.concat([one, two]))],
    ['gzip in two members', Buffer.concat([gzipSync(one), gzipSync(two)])],
    ['zstd', zstdCompressSync(Buffer.concat([one, two]))],
    ['zstd in two frames', Buffer.concat([zstdCompressSync(one), zstdCompressSync(two)])],
    [
      'zstd between skippable frames',
      Buffer.concat([skippable, zstdCompressSync(one), zstdCompressSync(two), skippable]),
    ],
  ])('%s is told by its first bytes', async (_, bytes) => {
    expect(await all(decompress(inPieces(bytes), 'the layer'))).toBe('first second');
  });

  test.each([
    ['truncated gzip', gzipSync(one).subarray(0, 15)],
    ['truncated zstd', zstdCompressSync(Buffer.alloc(10_000, 'abc')).subarray(0, 20)],
    ['gzip followed by rubbish', Buffer.concat([gzipSync(one), Buffer.from('rubbish')])],
  ])('%s is refused', async (_, bytes) => {
    const read = all(decompress(inPieces(bytes), 'the layer'));
    await expect(read).rejects.toMatchObject({
      kind: 'broken',
      message: expect.stringContaining('the layer'),
    });
  });

  test('an error of the source comes through as it is', async () => {
    const failing = async function* () {
      yield gzipSync(one).subarray(0, 12);
      throw new Error('the network is gone');
    };
    await expect(all(decompress(failing(), 'the layer'))).rejects.toThrow('the network is gone');
  });

  test('a layer that unpacks to more than allowed is refused before it is whole', async () => {
    const bomb = decompress(inPieces(gzipSync(Buffer.alloc(10 << 20))), 'the layer');
    await expect(all(withDiffId(bomb, 'sha256:any', 1 << 20, 'the layer'))).rejects.toMatchObject({
      kind: 'limit',
    });
  });

  test('a layer with another digest than the configuration promises is refused', async () => {
    const name = 'the layer';
    expect(await all(withDiffId(inPieces(one), digestOf(one), 100, name))).toBe('first ');
    await expect(all(withDiffId(inPieces(two), digestOf(one), 100, name))).rejects.toMatchObject({
      kind: 'broken',
    });
  });
});
