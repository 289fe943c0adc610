import { execFileSync } from 'node:child_process';
import { mkdir, open, readdir, readFile, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { openLayout } from './layout.ts';
import { type LayoutEntry, writeLayout } from './layout-writer.ts';
import { createImageStore } from './pull.ts';
import { parseKernelMetadata, unpackZoneInitrd, unpackZoneKernel } from './zone-kernel.ts';

const fresh = temporaryDirectories();
const elf = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(100_000, 'kernel code ')]);

/** A bzImage as the boot protocol lays it out, around a payload. */
function bzImage(payload: Buffer): Buffer {
  const head = Buffer.alloc(3 * 512);
  head.writeUInt8(2, 0x1f1);
  head.write('HdrS', 0x202);
  head.writeUInt16LE(0x020f, 0x206);
  head.writeUInt32LE(64, 0x248);
  head.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([head, Buffer.alloc(64), payload, Buffer.from('what follows')]);
}

const size = Buffer.alloc(4);
size.writeUInt32LE(elf.length);
const lz4 = Buffer.concat([execFileSync('lz4', ['-l', '-q', '-c', '-'], { input: elf }), size]);
const zstd = Buffer.concat([zstdCompressSync(elf), size]);

const file = (path: string, bytes: Uint8Array): LayoutEntry => ({ type: 'file', path, source: { bytes } });
const metadata = file(
  'kernel/metadata',
  Buffer.from('KERNEL_ARCH=x86_64\n# note\nKERNEL_UNAME_R=6.1.0-test\n'),
);

async function unpack(entries: LayoutEntry[], cacheDir = fresh()) {
  const layout = join(fresh(), 'layout');
  await writeLayout(layout, { layers: [entries], compression: 'gzip' });
  const options = { image: openLayout(layout), cacheDir, signal: AbortSignal.timeout(20_000) };
  return {
    cacheDir,
    kernel: (anew = false) => unpackZoneKernel({ ...options, anew }),
    initrd: () => unpackZoneInitrd(options),
  };
}

describe('a zone kernel image', () => {
  test.each([
    ['LZ4', bzImage(lz4)],
    ['zstd', bzImage(zstd)],
    ['gzip', bzImage(gzipSync(elf))],
    ['no', elf],
  ])('with %s compression gives the plain kernel, its metadata and its addons', async (_, image) => {
    const addons = file('kernel/addons.squashfs', Buffer.from('addons'));
    const { kernel } = await unpack([file('kernel/image', image), metadata, addons]);
    const unpacked = await kernel();
    expect((await readFile(unpacked.kernelPath)).equals(elf)).toBe(true);
    expect(await readFile(unpacked.addonsPath ?? '', 'utf8')).toBe('addons');
    expect(unpacked.metadata).toEqual({ KERNEL_ARCH: 'x86_64', KERNEL_UNAME_R: '6.1.0-test' });
    expect(await kernel()).toEqual(unpacked);
  });

  test('pulled into the image store as tar is unpacked from there; as SquashFS it is refused with the remedy', async () => {
    const layout = join(fresh(), 'layout');
    await writeLayout(layout, { layers: [[file('kernel/image', bzImage(lz4)), metadata]] });
    const store = createImageStore({ cacheDir: fresh() });
    const signal = AbortSignal.timeout(20_000);
    const reference = `oci:${layout}`;
    const tar = await store.pull({ reference, format: 'tar', signal });
    const unpacked = await unpackZoneKernel({ image: tar, cacheDir: fresh(), signal });
    expect((await readFile(unpacked.kernelPath)).equals(elf)).toBe(true);
    expect(unpacked.digest).toBe(tar.digest);
    const squashfs = await store.pull({ reference, signal });
    const refused = unpackZoneKernel({ image: squashfs, cacheDir: fresh(), signal });
    await expect(refused).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('format tar'),
    });
  });

  test('that was being unpacked when its process was killed is unpacked again, and the remains go later', async () => {
    const { kernel, cacheDir } = await unpack([file('kernel/image', elf)]);
    await mkdir(join(cacheDir, 'unpacking-recent'));
    await mkdir(join(cacheDir, 'unpacking-old'));
    await utimes(join(cacheDir, 'unpacking-old'), 1, 1);
    const { digest } = await kernel();
    const expected = [`kernel-${digest.slice('sha256:'.length)}`, 'unpacking-recent'];
    expect((await readdir(cacheDir)).sort()).toEqual(expected);
  });

  test('may have no addons and no metadata', async () => {
    const { kernel } = await unpack([file('./kernel/image', elf)]);
    expect(await kernel()).toMatchObject({ addonsPath: undefined, metadata: {} });
  });

  test('unpacked anew gives other files under the same names', async () => {
    const { kernel, cacheDir } = await unpack([file('kernel/image', bzImage(lz4)), metadata]);
    const before = await kernel();
    const { ino } = await stat(before.kernelPath);
    expect((await stat((await kernel()).kernelPath)).ino).toBe(ino);
    await using inUse = await open(before.kernelPath);
    expect(await kernel(true)).toEqual(before);
    expect((await stat(before.kernelPath)).ino).not.toBe(ino);
    expect((await inUse.readFile()).equals(elf)).toBe(true);
    expect(await readdir(cacheDir)).toHaveLength(1);
  });

  test('unpacked twice at the same time is one entry', async () => {
    const { kernel, cacheDir } = await unpack([file('kernel/image', bzImage(lz4))]);
    const [one, two] = await Promise.all([kernel(), kernel()]);
    expect(one).toEqual(two);
    expect(await readdir(cacheDir)).toHaveLength(1);
  });

  test.each<[string, LayoutEntry[], string, RegExp]>([
    ['no kernel', [metadata], 'invalid', /no file \/kernel\/image/],
    [
      'a symbolic link for a kernel',
      [{ type: 'symlink', path: 'kernel/image', target: '/etc/shadow' }],
      'broken',
      /as a symlink/,
    ],
    ['text for a kernel', [file('kernel/image', Buffer.alloc(5000, 'x'))], 'broken', /neither a bzImage nor/],
    ['a cut-off kernel', [file('kernel/image', bzImage(lz4).subarray(0, 2000))], 'broken', /cut off/],
    [
      'a damaged payload',
      [file('kernel/image', bzImage(Buffer.concat([lz4.subarray(0, 20), Buffer.alloc(80), size])))],
      'broken',
      /lz4/,
    ],
    [
      'a payload that is no kernel',
      [file('kernel/image', bzImage(gzipSync(Buffer.alloc(5000))))],
      'broken',
      /neither|no ELF/,
    ],
    [
      'an unknown compression',
      [file('kernel/image', bzImage(Buffer.alloc(100, 'x')))],
      'unsupported',
      /neither gzip, LZ4 nor zstd/,
    ],
  ])('that has %s is refused and leaves nothing', async (_, entries, kind, message) => {
    const { kernel, cacheDir } = await unpack(entries);
    await expect(kernel()).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('cannot write anywhere but its own folder, whatever its entries are called', async () => {
    const { kernel, cacheDir } = await unpack([
      file('../../escape', elf),
      file('kernel/image', elf),
      file('/kernel/../x', elf),
    ]);
    const { kernelPath } = await kernel();
    expect(await readdir(join(kernelPath, '..'))).toEqual(['vmlinux']);
    expect(await readdir(cacheDir)).toHaveLength(1);
  });
});

describe('a ramdisk image', () => {
  test.each([
    ['zstd', zstdCompressSync],
    ['gzip', gzipSync],
    ['no', (bytes: Buffer) => bytes],
  ])('with %s compression gives the plain archive', async (_, compress) => {
    const { initrd } = await unpack([file('initrd', compress(elf))]);
    expect((await readFile((await initrd()).initrdPath)).equals(elf)).toBe(true);
  });

  test('without /initrd is refused', async () => {
    const { initrd } = await unpack([metadata]);
    await expect(initrd()).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringContaining('/initrd'),
    });
  });
});

test('kernel metadata keeps everything after the first equals sign', () => {
  expect(parseKernelMetadata('A=b=c\n B_1=x \nlower=no\n=no\n')).toEqual({ A: 'b=c', B_1: 'x' });
});
