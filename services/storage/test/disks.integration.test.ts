import { execFileSync } from 'node:child_process';
import { link, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import { expect, test } from 'vitest';
import { mebibyte, startStorage, succeedsAs } from './start-storage.ts';

const scratch = { kind: 'file', sizeBytes: 64n * mebibyte } as const;

test('storage: nothing is prepared before the first Configure, which outlives a restart', async () => {
  await using storage = await startStorage();
  await expect(storage.prepare()).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await storage.configure();
  await storage.restart();
  await storage.prepare();
});

test('scratch: a sparse ext4 that the zone alone can use, and that repeating leaves alone', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare({ scratch: { kind: 'file', sizeBytes: 1024n * mebibyte } });
  const path = zone.scratchPath ?? '';
  const file = await stat(path);
  expect(file.size).toBe(1024 ** 3);
  expect(file.blocks * 512).toBeLessThan(4 * 1024 ** 2);
  expect(execFileSync('dumpe2fs', ['-h', path], { encoding: 'utf8', stdio: 'pipe' })).toMatch(
    /state: +clean/,
  );
  expect(succeedsAs(zone.uid, 'dd', `if=${path}`, 'of=/dev/null', 'count=1')).toBe(true);
  expect(succeedsAs(zone.uid, 'dd', 'if=/dev/zero', `of=${path}`, 'count=1', 'conv=notrunc')).toBe(true);
  expect(succeedsAs(zone.uid + 1, 'dd', `if=${path}`, 'of=/dev/null', 'count=1')).toBe(false);
  const before = await stat(path);
  await storage.restart();
  await storage.prepare(zone);
  expect((await stat(path)).mtimeMs).toBe(before.mtimeMs);
});

test('scratch: a new generation starts with an empty disk and without the old disks', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const image = await storage.cacheImage('image');
  const zone = await storage.prepare({ scratch });
  await storage.provide(zone, { source: { kind: 'image', path: image } });
  const next = await storage.prepare({ ...zone, generation: 2n });
  expect(next.scratchPath).not.toBe(zone.scratchPath);
  expect(await readdir(storage.paths.zoneDisks(zone.zoneId))).toEqual(['scratch.2']);
  await expect(storage.provide(zone, { source: { kind: 'image', path: image } })).rejects.toMatchObject({
    code: Code.FailedPrecondition,
  });
  await expect(
    storage.zones.withdraw({ zoneId: zone.zoneId, generation: 1n, serial: 'disk' }),
  ).rejects.toMatchObject({ code: Code.FailedPrecondition });
});

test('image: a hard link that the zone reads and nobody but root writes', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const image = await storage.cacheImage('image', 'squashfs');
  const zone = await storage.prepare();
  const disk = await storage.provide(zone, { serial: 'image-1', source: { kind: 'image', path: image } });
  expect(disk).toEqual({
    serial: 'image-1',
    path: join(storage.paths.zoneDisks(zone.zoneId), 'image-1'),
    sizeBytes: 8n,
    readOnly: true,
    origin: image,
  });
  expect((await stat(disk.path)).ino).toBe((await stat(image)).ino);
  expect(succeedsAs(zone.uid, 'cat', disk.path)).toBe(true);
  expect(succeedsAs(zone.uid, 'dd', 'if=/dev/zero', `of=${disk.path}`, 'count=1')).toBe(false);
  expect(succeedsAs(zone.uid, 'chmod', '0666', disk.path)).toBe(false);
  expect(succeedsAs(zone.uid, 'rm', '-f', disk.path)).toBe(false);
  expect(succeedsAs(zone.uid, 'touch', join(dirname(disk.path), 'planted'))).toBe(false);
  expect(succeedsAs(zone.uid + 1, 'cat', disk.path)).toBe(false);
  expect(await storage.provide(zone, { serial: 'image-1', source: { kind: 'image', path: image } })).toEqual(
    disk,
  );
  const withdraw = { zoneId: zone.zoneId, generation: 1n, serial: 'image-1' };
  await storage.zones.withdraw(withdraw);
  await storage.zones.withdraw(withdraw);
  expect(await readdir(storage.paths.zoneDisks(zone.zoneId))).toEqual([]);
  expect(await readFile(image, 'utf8')).toBe('squashfs');
});

test("image: a kernel's addons come from the boot cache", async () => {
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare();
  const path = join(storage.paths.bootCache, 'kernel-1', 'addons.squashfs');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, 'addons', { mode: 0o644 });
  const disk = await storage.provide(zone, { serial: 'addons', source: { kind: 'image', path } });
  expect(succeedsAs(zone.uid, 'cat', disk.path)).toBe(true);
});

test('image: what lies outside the cache, is no file, or could be written is refused', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare();
  const { root, imageCache } = storage.paths;
  const outside = join(root, 'secret');
  await writeFile(outside, 'secret', { mode: 0o444 });
  await symlink(outside, join(imageCache, 'alias'));
  await mkdir(join(imageCache, 'folder'));
  await mkdir(`${imageCache}-else`);
  await link(outside, join(`${imageCache}-else`, 'image'));
  await writeFile(join(imageCache, 'writable'), '', { mode: 0o666 });
  execFileSync('chmod', ['0666', join(imageCache, 'writable')]);
  const refusals: [path: string, code: Code][] = [
    [outside, Code.InvalidArgument],
    [join(imageCache, 'alias'), Code.InvalidArgument],
    [join(imageCache, '..', '..', 'secret'), Code.InvalidArgument],
    [join(`${imageCache}-else`, 'image'), Code.InvalidArgument],
    [imageCache, Code.InvalidArgument],
    [join(imageCache, 'folder'), Code.InvalidArgument],
    [join(imageCache, 'absent'), Code.NotFound],
    [join(imageCache, 'writable'), Code.FailedPrecondition],
  ];
  for (const [path, code] of refusals) {
    await expect(storage.provide(zone, { source: { kind: 'image', path } }), path).rejects.toMatchObject({
      code,
    });
  }
  expect(await readdir(storage.paths.zoneDisks(zone.zoneId))).toEqual([]);
});

test('image: another image under a serial in use is refused', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare();
  const [a, b] = [await storage.cacheImage('a'), await storage.cacheImage('b')];
  await storage.provide(zone, { source: { kind: 'image', path: a } });
  await expect(storage.provide(zone, { source: { kind: 'image', path: b } })).rejects.toMatchObject({
    code: Code.FailedPrecondition,
  });
});

test('release: everything of the zone goes, once or twice, and nothing of its neighbour', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const image = await storage.cacheImage('image');
  const [a, b] = [await storage.prepare({ scratch }), await storage.prepare({ scratch })];
  for (const zone of [a, b]) await storage.provide(zone, { source: { kind: 'image', path: image } });
  await storage.zones.release(a.zoneId);
  await storage.zones.release(a.zoneId);
  expect(await readdir(storage.paths.zones)).toEqual([b.zoneId]);
  expect((await readdir(storage.paths.zoneDisks(b.zoneId))).toSorted()).toEqual(['disk', 'scratch.1']);
  expect((await stat(image)).nlink).toBe(2);
});

test("release: the daemon's own files of the zone stay", async () => {
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare();
  await writeFile(storage.paths.zoneConsoleLog(zone.zoneId), 'boot');
  await storage.zones.release(zone.zoneId);
  expect(await readdir(storage.paths.zone(zone.zoneId))).toEqual(['console.log']);
});

test('configure: after a restart only what is retained stays', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const image = await storage.cacheImage('image');
  const [kept, dropped] = [await storage.prepare({ scratch }), await storage.prepare({ scratch })];
  for (const serial of ['a', 'b'])
    await storage.provide(kept, { serial, source: { kind: 'image', path: image } });
  await writeFile(join(storage.paths.zoneDisks(kept.zoneId), 'scratch.1.new'), 'cut short');
  const stranger = storage.paths.zoneDisks(newZoneId());
  await mkdir(stranger, { recursive: true });
  await writeFile(join(stranger, 'disk'), 'left');
  await storage.restart();
  await storage.configure([{ zoneId: kept.zoneId, generation: 1n, serials: new Set(['b']) }]);
  expect(await readdir(storage.paths.zones)).toEqual([kept.zoneId]);
  expect((await readdir(storage.paths.zoneDisks(kept.zoneId))).toSorted()).toEqual(['b', 'scratch.1']);
  expect(dropped.scratchPath).toBeDefined();
  await storage.provide(kept, { serial: 'b', source: { kind: 'image', path: image } });
});

test('disks: forty at once and sixty-four cycles leave nothing behind', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const image = await storage.cacheImage('image');
  const zone = await storage.prepare();
  const serials = Array.from({ length: 40 }, (_, index) => `disk-${index}`);
  const started = performance.now();
  await Promise.all(
    serials.map((serial) => storage.provide(zone, { serial, source: { kind: 'image', path: image } })),
  );
  console.log(`40 disks at once: ${(performance.now() - started).toFixed(0)} ms`);
  expect(await readdir(storage.paths.zoneDisks(zone.zoneId))).toHaveLength(40);
  await Promise.all(serials.map((serial) => storage.zones.withdraw({ ...zone, serial })));
  for (let cycle = 0; cycle < 64; cycle += 1) {
    await storage.provide(zone, { source: { kind: 'image', path: image } });
    await storage.zones.withdraw({ ...zone, serial: 'disk' });
  }
  expect(await readdir(storage.paths.zoneDisks(zone.zoneId))).toEqual([]);
  expect((await stat(image)).nlink).toBe(1);
});
