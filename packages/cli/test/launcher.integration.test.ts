import { cp, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const projectRoot = fileURLToPath(new URL('../../..', import.meta.url));

/** A checkout with nothing in it but the launcher and two programs that say which of them ran. */
let root = '';

const past = new Date('2026-01-01T00:00:00Z');
const later = new Date('2026-01-02T00:00:00Z');

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'protect-launcher-'));
  const cli = join(root, 'packages/cli');
  for (const folder of ['bin', 'src', 'build']) await mkdir(join(cli, folder), { recursive: true });
  await symlink(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  await cp(join(projectRoot, 'packages/cli/bin/protect'), join(cli, 'bin/protect'));
  await writeFile(join(cli, 'package.json'), '{"type":"module"}');
  await writeFile(join(cli, 'src/main.ts'), 'console.log("sources" as string)');
  await writeFile(join(cli, 'build/protect.js'), 'console.log("bundle")');
  await writeFile(join(cli, 'build/inputs'), 'packages/cli/package.json packages/cli/src packages/gone\n');
  for (const path of ['package.json', 'src', 'src/main.ts']) await utimes(join(cli, path), past, past);
  await utimes(join(cli, 'build/protect.js'), later, later);
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

function launched(env: Record<string, string> = {}) {
  return execa(join(root, 'packages/cli/bin/protect'), [], {
    timeout: 30_000,
    env: { PATH: '/usr/bin:/bin', HOME: root, ...env },
    extendEnv: false,
  });
}

describe('the launcher runs', () => {
  test('the bundle when it is newer than its sources', async () => {
    expect((await launched()).stdout).toBe('bundle');
  });

  test('the bundle where there are no sources', async () => {
    await rm(join(root, 'packages/cli/src'), { recursive: true });
    expect((await launched()).stdout).toBe('bundle');
  });

  test('the sources when one of them is newer, but not for a newer test', async () => {
    await writeFile(join(root, 'packages/cli/src/x.test.ts'), '');
    await utimes(join(root, 'packages/cli/src'), past, past);
    expect((await launched()).stdout).toBe('bundle');
    await utimes(join(root, 'packages/cli/src/main.ts'), new Date(), new Date());
    expect((await launched()).stdout).toBe('sources');
  });

  test('the sources when one was removed, or nothing is bundled', async () => {
    await utimes(join(root, 'packages/cli/src'), new Date(), new Date());
    expect((await launched()).stdout).toBe('sources');
    await rm(join(root, 'packages/cli/build'), { recursive: true });
    expect((await launched()).stdout).toBe('sources');
  });
});

describe('compiled code is kept', () => {
  test('in the cache folder of the user', async () => {
    await launched();
    expect(await readdir(join(root, '.cache/protect'))).toHaveLength(1);
    await launched({ XDG_CACHE_HOME: join(root, 'xdg') });
    expect(await readdir(join(root, 'xdg/protect'))).toHaveLength(1);
  });

  test('where the environment says', async () => {
    await launched({ NODE_COMPILE_CACHE: join(root, 'elsewhere') });
    expect(await readdir(join(root, 'elsewhere'))).toHaveLength(1);
    expect(await readdir(root)).not.toContain('.cache');
  });

  test('nowhere when the folder is not there to be made, or belongs to somebody else', async () => {
    await writeFile(join(root, 'file'), '');
    expect((await launched({ XDG_CACHE_HOME: join(root, 'file') })).stdout).toBe('bundle');
    // To nobody, who could change what root runs.
    const foreign = join(root, '.cache/protect');
    await mkdir(foreign, { recursive: true });
    await execa('chown', ['65534', foreign]);
    await launched();
    expect(await readdir(foreign)).toEqual([]);
  });
});
