import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { setGovernor } from './power-policy.ts';

let sysfs: string;
beforeEach(async () => {
  sysfs = await mkdtemp(join(tmpdir(), 'protect-sysfs-'));
});
afterEach(async () => {
  await rm(sysfs, { recursive: true });
});

const policyFolder = (number: number) => join(sysfs, `devices/system/cpu/cpufreq/policy${number}`);

async function putPolicy(number: number, governors: string): Promise<void> {
  await mkdir(policyFolder(number), { recursive: true });
  await writeFile(join(policyFolder(number), 'scaling_available_governors'), `${governors}\n`);
  await writeFile(join(policyFolder(number), 'scaling_governor'), 'powersave');
}

const governor = (number: number) => readFile(join(policyFolder(number), 'scaling_governor'), 'utf8');

test('power policy: every processor gets the governor', async () => {
  await putPolicy(0, 'performance powersave');
  await putPolicy(4, 'performance powersave');
  await setGovernor('performance', sysfs);
  expect([await governor(0), await governor(4)]).toEqual(['performance', 'performance']);
});

test('power policy: a governor that one of them lacks changes none, and the others are named', async () => {
  await putPolicy(0, 'performance powersave');
  await putPolicy(1, 'powersave');
  await expect(setGovernor('performance', sysfs)).rejects.toMatchObject({
    code: Code.InvalidArgument,
    message: expect.stringContaining('it has: powersave'),
  });
  expect(await governor(0)).toBe('powersave');
});

test('power policy: a host without governors says so', async () => {
  await expect(setGovernor('performance', sysfs)).rejects.toMatchObject({ code: Code.FailedPrecondition });
});
