import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeTree } from './remove-tree.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'protect-tree-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

test('a folder inside the root goes with all it holds; an absent one is no error', async () => {
  await mkdir(join(root, 'a', 'b'), { recursive: true });
  await removeTree(root, join(root, 'a'));
  await removeTree(root, join(root, 'a'));
  expect(await readdir(root)).toEqual([]);
});

test('a symbolic link goes, what it points at stays', async () => {
  await mkdir(join(root, 'kept'));
  await writeFile(join(root, 'kept', 'file'), '');
  await symlink(join(root, 'kept'), join(root, 'link'));
  await removeTree(root, join(root, 'link'));
  expect(await readdir(join(root, 'kept'))).toEqual(['file']);
});

test.each(['', '.', '..', '../other', 'a/../..', '/'])('refuses %j', async (path) => {
  await expect(removeTree(root, path.startsWith('/') ? path : join(root, path))).rejects.toThrow(/refused/);
});

test('a link on the way that leads outside the root is not followed', async () => {
  const outside = await mkdtemp(join(tmpdir(), 'protect-outside-'));
  try {
    await writeFile(join(outside, 'file'), '');
    await symlink(outside, join(root, 'link'));
    await expect(removeTree(root, join(root, 'link', 'file'))).rejects.toThrow(/refused/);
    expect(await readdir(outside)).toEqual(['file']);
  } finally {
    await rm(outside, { recursive: true, force: true });
  }
});
