import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { blockDevice, physicalDevice } from './block-device.ts';

const run = promisify(execFile);
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-block-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

it('tells the number of a device in the way of the back end', async () => {
  for (const [major, minor, told] of [
    ['7', '300', '7:12c'],
    ['259', '1048575', '103:fffff'],
  ] as const) {
    const path = join(folder, told);
    await run('mknod', [path, 'b', major, minor]);
    expect(await physicalDevice(path)).toBe(told);
    expect(await blockDevice('/no/losetup', { serial: 'node', path, readOnly: false })).toBe(path);
  }
});

it('names the disk that cannot be opened', async () => {
  const disk = { serial: 'scratch', path: join(folder, 'absent'), readOnly: false };
  await expect(blockDevice('/usr/sbin/losetup', disk)).rejects.toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringMatching(/disk scratch: .*absent: ENOENT/),
  });
});
