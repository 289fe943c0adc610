import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import type { TarHeader } from './tar-header.ts';
import { readTar } from './tar-reader.ts';
import { encodeTarHeader, tarEnd, tarPadding } from './tar-writer.ts';

async function* inChunks(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function readAll(bytes: Uint8Array, chunk = 700) {
  const found: { header: TarHeader; content: string }[] = [];
  for await (const { header, content } of readTar(inChunks(bytes, chunk), 'the archive')) {
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    found.push({ header, content: Buffer.concat(parts).toString('latin1') });
  }
  return found;
}

const plain: TarHeader = {
  name: 'file',
  type: 'file',
  mode: 0o4755,
  uid: 1,
  gid: 2,
  size: 0,
  mtime: 1_700_000_000,
  linkName: '',
  deviceMajor: 0,
  deviceMinor: 0,
  xattrs: new Map(),
};

const archive = (header: TarHeader, content = '') =>
  Buffer.concat([
    encodeTarHeader({ ...header, size: content.length }),
    Buffer.from(content, 'latin1'),
    tarPadding(content.length),
    tarEnd,
  ]);

describe('tar archives', () => {
  test('entries of another writer are read with their contents, however the bytes are cut', async () => {
    const tar = pack();
    tar.entry({ name: 'dir', type: 'directory', mode: 0o700 });
    tar.entry({ name: `${'long/'.repeat(40)}name`, uid: 7 }, 'x'.repeat(1000));
    tar.entry({ name: 'link', type: 'symlink', linkname: 'ü'.repeat(80) });
    tar.entry({ name: 'null', type: 'character-device', devmajor: 1, devminor: 3 });
    tar.finalize();
    const bytes = await buffer(tar);
    for (const chunk of [1, 511, 512, 100_000]) {
      const entries = await readAll(bytes, chunk);
      expect(entries.map(({ header }) => header.type)).toEqual([
        'directory',
        'file',
        'symlink',
        'character-device',
      ]);
      expect(entries[1]).toMatchObject({
        header: { name: `${'long/'.repeat(40)}name`, uid: 7 },
        content: 'x'.repeat(1000),
      });
      expect(Buffer.from(entries[2]?.header.linkName ?? '', 'latin1').toString('utf8')).toBe('ü'.repeat(80));
      expect(entries[3]?.header).toMatchObject({ deviceMajor: 1, deviceMinor: 3 });
    }
  });

  test('whatever is written is read back: names and attributes of any bytes, large ids', async () => {
    const bytes = (max: number) =>
      fc.uint8Array({ minLength: 1, maxLength: max }).map((value) =>
        Buffer.from(value.map((byte) => byte || 1))
          .toString('latin1')
          .replaceAll('/', 'x'),
      );
    const value = fc.uint8Array({ maxLength: 60 }).map((raw) => Buffer.from(raw).toString('latin1'));
    await fc.assert(
      fc.asyncProperty(
        bytes(250),
        bytes(250),
        value,
        fc.nat(0xfffffffe),
        value,
        async (name, key, xattr, uid, content) => {
          const xattrs = new Map([[`user.${key.replaceAll('=', '-')}`, xattr]]);
          const [read] = await readAll(archive({ ...plain, name, uid, gid: uid, xattrs }, content));
          expect(read).toEqual({
            header: { ...plain, name, uid, gid: uid, xattrs, size: content.length },
            content,
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  test('contents that nobody reads are skipped', async () => {
    const two = Buffer.concat([
      archive({ ...plain, name: 'a' }, 'A'.repeat(600)).subarray(0, -1024),
      archive(plain, 'B'),
    ]);
    const names: string[] = [];
    for await (const { header } of readTar(inChunks(two, 100), 'the archive')) names.push(header.name);
    expect(names).toEqual(['a', 'file']);
  });

  test.each([
    ['cut off within a content', archive(plain, 'x'.repeat(600)).subarray(0, 700), 'cut off'],
    ['cut off within a header', archive(plain, '').subarray(0, 300), 'cut off'],
    ['no archive at all', Buffer.alloc(512, 'x'), 'no tar archive'],
    ['damaged in a header', damaged(archive(plain, 'x')), 'checksum'],
  ])('an archive that is %s is refused', async (_, bytes, why) => {
    await expect(readAll(bytes)).rejects.toMatchObject({
      kind: 'broken',
      message: expect.stringContaining(why),
    });
  });

  test('an extension header of 2 MiB is refused before it is held', async () => {
    const xattrs = new Map([['user.x', 'y'.repeat(2 << 20)]]);
    await expect(readAll(archive({ ...plain, xattrs }), 65536)).rejects.toMatchObject({ kind: 'limit' });
  });

  test('any bytes at all are either read or refused with an image error', async () => {
    const good = archive({ ...plain, name: 'n'.repeat(200), xattrs: new Map([['user.a', 'b']]) }, 'content');
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, byte) => {
        const changed = Buffer.from(good);
        changed[at] = byte;
        await readAll(changed).catch((error: unknown) => expect(error).toMatchObject({ name: 'ImageError' }));
      }),
      { numRuns: 300 },
    );
  });
});

function damaged(bytes: Buffer): Buffer {
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes;
}
