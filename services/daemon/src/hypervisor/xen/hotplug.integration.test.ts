import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';

const run = promisify(execFile);
const scripts = new URL('../../../hotplug/', import.meta.url).pathname;
let folder: string;

/** Puts programs in front of the PATH that note what is written, and read what the test gives. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-hotplug-'));
  const note = `#!/bin/sh\nprintf '%s\\n' "$@" >> ${folder}/written\n`;
  await writeFile(join(folder, 'xenstore-write'), note, { mode: 0o755 });
  await writeFile(join(folder, 'xenstore-read'), `#!/bin/sh\ncat ${folder}/params\n`, { mode: 0o755 });
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function hotplug(script: 'block' | 'vif', action: string): Promise<string[]> {
  const env = { PATH: `${folder}:/usr/bin:/bin`, XENBUS_PATH: 'backend/vbd/3/51712' };
  await run(join(scripts, script), [action], { env });
  return await written();
}

async function written(): Promise<string[]> {
  const text = await readFile(join(folder, 'written'), 'utf8').catch(() => '');
  return text.split('\n').slice(0, -1);
}

it("tells the back end a disk's device by its numbers", async () => {
  await run('mknod', [join(folder, 'disk'), 'b', '7', '300']);
  await writeFile(join(folder, 'params'), join(folder, 'disk'));
  expect(await hotplug('block', 'add')).toEqual([
    'backend/vbd/3/51712/physical-device',
    '7:12c',
    'backend/vbd/3/51712/hotplug-status',
    'connected',
  ]);
});

it('says in the way of libxl what is wrong with a disk', async () => {
  await writeFile(join(folder, 'params'), '/no/such/disk');
  await expect(hotplug('block', 'add')).rejects.toMatchObject({ code: 1 });
  expect(await written()).toEqual([
    'backend/vbd/3/51712/hotplug-error',
    '/no/such/disk is not a block device',
    'backend/vbd/3/51712/hotplug-status',
    'error',
  ]);
});

it('lets the back end of a link connect', async () => {
  expect(await hotplug('vif', 'online')).toEqual(['backend/vbd/3/51712/hotplug-status', 'connected']);
});

it('has nothing to do when a device goes', async () => {
  expect(await hotplug('block', 'remove')).toEqual([]);
  expect(await hotplug('vif', 'offline')).toEqual([]);
});
