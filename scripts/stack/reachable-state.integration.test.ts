import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { detourPath, reachableState, removeDetour } from './reachable-state.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-reach-'));
  await mkdir(join(folder, 'state'), { mode: 0o711 });
  await writeFile(join(folder, 'state', 'file'), 'found', { mode: 0o644 });
});

afterAll(async () => {
  await removeDetour(join(folder, 'state'));
  await rm(folder, { recursive: true, force: true });
});

test('a state folder that everybody can pass to is used as it is', async () => {
  await chmod(folder, 0o711);
  expect(await reachableState(join(folder, 'state'))).toBe(join(folder, 'state'));
});

test('a state folder in a private one is reached by other users, and the way there can be removed', async () => {
  await chmod(folder, 0o700);
  const state = join(folder, 'state');
  const path = await reachableState(state);
  const { stdout } = await execa('cat', [join(path, 'file')], { uid: 200_000, gid: 200_000 });
  expect(stdout).toBe('found');
  await removeDetour(state);
  expect(existsSync(detourPath(state))).toBe(false);
});

test('a way that an earlier run left is made anew', async () => {
  await chmod(folder, 0o700);
  const state = join(folder, 'state');
  expect(await reachableState(state)).toBe(await reachableState(state));
  await removeDetour(state);
});
