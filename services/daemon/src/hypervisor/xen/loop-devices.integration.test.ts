import { mkdtemp, open, readFile, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { attachLoop, freeLoops, loopsIn } from './loop-devices.ts';

const losetup = '/usr/sbin/losetup';
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-loop-'));
});
afterEach(async () => {
  await freeLoops(losetup, await loopsIn(folder));
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, '');
  await truncate(path, 64 * 1024);
  return path;
}

it('gives each file a device of its own, the same one when asked again', async () => {
  const paths = await Promise.all(['a', 'b', 'c', 'd'].map(file));
  const devices = await Promise.all(paths.map((path) => attachLoop(losetup, path, false)));
  expect(new Set(devices).size).toBe(4);
  expect(await attachLoop(losetup, paths[0] ?? '', false)).toBe(devices[0]);
  expect((await loopsIn(folder)).map((loop) => loop.device).sort()).toEqual([...devices].sort());
});

it('lets nobody write to a read-only one', async () => {
  const device = await attachLoop(losetup, await file('read-only'), true);
  expect(await readFile(`/sys/block/${basename(device)}/ro`, 'utf8')).toBe('1\n');
});

it('knows a folder behind a link, and files that have been removed', async () => {
  await attachLoop(losetup, await file('gone'), false);
  await unlink(join(folder, 'gone'));
  await symlink(folder, `${folder}-link`);
  expect(await loopsIn(`${folder}-link`)).toHaveLength(1);
  await rm(`${folder}-link`);
});

it('settles once the last user has closed the device, and takes a free one as done', async () => {
  const device = await attachLoop(losetup, await file('busy'), false);
  const loops = await loopsIn(folder);
  const user = await open(device, 'r');
  let freed = false;
  const freeing = freeLoops(losetup, loops).then(() => {
    freed = true;
  });
  while ((await user.stat()).isBlockDevice() && !freed) {
    // The device is marked to go with its last user.
    if ((await loopsIn(folder)).length === 1) break;
  }
  expect(freed).toBe(false);
  await user.close();
  await freeing;
  expect(await loopsIn(folder)).toEqual([]);
  await freeLoops(losetup, loops);
});
