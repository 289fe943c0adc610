import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cachedFolder } from './cache-folder.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'cache-folder-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const build = (text: string) => (folder: string) => writeFile(join(folder, 'file'), text);

test('a folder is built once', async () => {
  const path = join(parent, 'key');
  await cachedFolder(path, build('first'));
  await cachedFolder(path, build('second'));
  expect(await readFile(join(path, 'file'), 'utf8')).toBe('first');
});

test('a folder of earlier inputs goes once there is a newer one', async () => {
  await cachedFolder(join(parent, 'old'), build(''));
  await cachedFolder(join(parent, 'new'), build(''));
  expect(await readdir(parent)).toEqual(['new']);
});

test('a build that fails leaves nothing, and the earlier folder as it was', async () => {
  await cachedFolder(join(parent, 'old'), build(''));
  const failing = cachedFolder(join(parent, 'new'), async (folder) => {
    await build('half')(folder);
    throw new Error('no space left');
  });
  await expect(failing).rejects.toThrow('no space left');
  expect(await readdir(parent)).toEqual(['old']);
});

test('the work of a process that was killed is removed, that of a living one is not', async () => {
  // Init lives as long as the machine; no process has the highest number that Linux could give.
  await mkdir(join(parent, 'building-1'));
  await mkdir(join(parent, 'building-4194304'));
  await cachedFolder(join(parent, 'key'), build(''));
  expect(existsSync(join(parent, 'building-1'))).toBe(true);
  expect(existsSync(join(parent, 'building-4194304'))).toBe(false);
});
