import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { mebibyte, startStorage, succeedsAs } from './start-storage.ts';

const size = 32n * mebibyte;

/** A loop device of its own, which goes away when disposed of. */
async function makeLoopDevice() {
  const folder = await mkdtemp(join(tmpdir(), 'protect-loop-'));
  const file = join(folder, 'disk');
  const handle = await open(file, 'w');
  await handle.truncate(Number(size));
  await handle.close();
  const path = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  return {
    path,
    folder,
    async [Symbol.asyncDispose]() {
      execFileSync('losetup', ['--detach', path]);
      await rm(folder, { recursive: true });
    },
  };
}

test('block device: a node for the zone alone, found through links and by its configured name', async () => {
  await using device = await makeLoopDevice();
  await using storage = await startStorage();
  const alias = join(device.folder, 'by-id');
  await symlink(device.path, alias);
  await storage.configure([], { fast: alias });
  const zone = await storage.prepare();
  const disk = await storage.provide(zone, { readOnly: false, source: { kind: 'named', name: 'fast' } });
  expect(disk).toMatchObject({ sizeBytes: size, origin: device.path, readOnly: false });
  expect((await stat(disk.path)).rdev).toBe((await stat(device.path)).rdev);
  expect(succeedsAs(zone.uid, 'dd', 'if=/dev/zero', `of=${disk.path}`, 'count=1')).toBe(true);
  expect(succeedsAs(zone.uid + 1, 'dd', `if=${disk.path}`, 'of=/dev/null', 'count=1')).toBe(false);
  await storage.restart();
  expect(await storage.provide(zone, { readOnly: false, source: { kind: 'named', name: 'fast' } })).toEqual(
    disk,
  );
});

test('block device: read-only means that the zone cannot write, nor change the mode to', async () => {
  await using device = await makeLoopDevice();
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare();
  const disk = await storage.provide(zone, { source: { kind: 'device', path: device.path } });
  expect(succeedsAs(zone.uid, 'dd', `if=${disk.path}`, 'of=/dev/null', 'count=1')).toBe(true);
  expect(succeedsAs(zone.uid, 'chmod', '0660', disk.path)).toBe(false);
  expect(succeedsAs(zone.uid, 'dd', 'if=/dev/zero', `of=${disk.path}`, 'count=1')).toBe(false);
});

test('block device: one writer at a time, and none beside readers', async () => {
  await using device = await makeLoopDevice();
  await using storage = await startStorage();
  await storage.configure();
  const [a, b] = [await storage.prepare(), await storage.prepare({ uid: 200_002 })];
  const source = { kind: 'device', path: device.path } as const;
  const refused = { code: Code.FailedPrecondition };
  await storage.provide(a, { source, readOnly: false });
  await expect(storage.provide(b, { source, readOnly: false })).rejects.toMatchObject(refused);
  await expect(storage.provide(b, { source, readOnly: true })).rejects.toMatchObject(refused);
  await storage.zones.withdraw({ ...a, serial: 'disk' });
  await storage.provide(a, { source, readOnly: true });
  await storage.provide(b, { source, readOnly: true });
  await expect(storage.provide(b, { serial: 'too', source, readOnly: false })).rejects.toMatchObject(refused);
});

test('block device: as scratch it is formatted once per generation, and belongs to one zone', async () => {
  await using device = await makeLoopDevice();
  await using storage = await startStorage();
  await storage.configure([], { fast: device.path });
  const scratch = { kind: 'named', name: 'fast' } as const;
  const zone = await storage.prepare({ scratch });
  const uuid = () =>
    execFileSync('blkid', ['-p', '-o', 'value', '-s', 'UUID', device.path], { encoding: 'utf8' });
  const first = uuid();
  await storage.restart();
  await storage.prepare(zone);
  expect(uuid()).toBe(first);
  await expect(storage.prepare({ scratch })).rejects.toMatchObject({ code: Code.FailedPrecondition });
  await storage.prepare({ ...zone, generation: 2n });
  expect(uuid()).not.toBe(first);
});

test('block device: unknown names, absent devices and other files are refused', async () => {
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare();
  const attempt = (path: string) => storage.provide(zone, { source: { kind: 'device', path } });
  await expect(attempt('/dev/absent')).rejects.toMatchObject({ code: Code.NotFound });
  await expect(attempt('/dev/null')).rejects.toMatchObject({ code: Code.InvalidArgument });
  await expect(storage.provide(zone, { source: { kind: 'named', name: 'slow' } })).rejects.toMatchObject({
    code: Code.NotFound,
  });
});

test('block device: what the host has mounted is never given for writing', async () => {
  await using device = await makeLoopDevice();
  await using storage = await startStorage();
  await storage.configure();
  const zone = await storage.prepare();
  const mountPoint = await mkdtemp(join(device.folder, 'mounted-'));
  execFileSync('mkfs.ext4', ['-q', device.path], { stdio: 'ignore' });
  execFileSync('mount', [device.path, mountPoint]);
  try {
    const failure = storage.provide(zone, { readOnly: false, source: { kind: 'device', path: device.path } });
    await expect(failure).rejects.toMatchObject({
      code: Code.FailedPrecondition,
      message: expect.stringContaining(`mounted at ${mountPoint}`),
    });
  } finally {
    execFileSync('umount', [mountPoint]);
  }
});
