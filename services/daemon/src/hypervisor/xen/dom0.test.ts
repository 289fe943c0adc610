import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isDom0 } from './dom0.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-dom0-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('knows Dom0 from another domain and from a host without Xen', async () => {
  const path = join(folder, 'capabilities');
  expect(await isDom0(path)).toBe(false);
  await writeFile(path, '\n');
  expect(await isDom0(path)).toBe(false);
  await writeFile(path, 'control_d\n');
  expect(await isDom0(path)).toBe(true);
});
