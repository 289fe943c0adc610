import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { OciImageFormat } from '@protect/proto/control-common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '../../scripts/stack/stack.ts';
import { buildInitrd, crunPath } from '../../zone/initrd/build.ts';
import { sharedLibraries } from '../../zone/initrd/shared-libraries.ts';
import { recordings } from '../recorded/recordings.ts';
import {
  destroyZone,
  execute,
  launchWorkload,
  launchZone,
  pullImage,
  workloadEnd,
} from '../system/guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from '../system/host-snapshot.ts';
import { busyboxImage } from '../system/images.ts';
import { countingScript, expectWhole } from '../system/numbered-lines.ts';
import { startStack, type TestStack } from '../system/stack.ts';

let folder: string;
let stack: TestStack;
let before: HostSnapshot;
let zoneId: string;
let workloadId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-earlier-init-'));
  const image = await busyboxImage();
  const layout = await earlierRamdisk();
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  const digest = await pullImage(stack.client, `oci:${layout}`);
  const initrd = { digest, format: OciImageFormat.SQUASHFS };
  zoneId = (await launchZone(stack.client, { name: 'earlier', initrd })).id;
  workloadId = await launchWorkload(stack.client, zoneId, image, ['sh', '-c', countingScript(20)]);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A ramdisk whose PID 1 is the recorded one; all else in it is of this tree. */
async function earlierRamdisk(): Promise<string> {
  const path = recordings()
    .map((recording) => join(recording.folder, 'init.gz'))
    .find((candidate) => existsSync(candidate));
  if (path === undefined) throw new Error('no recording has an init');
  const init = join(folder, 'init');
  writeFileSync(init, gunzipSync(readFileSync(path)));
  const build = join(projectRoot, 'zone/build');
  const layout = join(folder, 'initrd');
  const inputs = { init, libraries: await sharedLibraries(crunPath), kernel: join(build, 'kernel') };
  await buildInitrd(layout, join(build, 'cache'), inputs);
  return layout;
}

test('a zone of an earlier init is adopted by the next daemon', async () => {
  await stack.services.daemon.kill9();
  await stack.services.daemon.restart();
  expect(await execute(stack.client, { workloadId }, ['echo', 'here'])).toMatchObject({
    exitCode: 0,
    stdout: 'here\n',
  });
});

test('its workload’s output is complete and once only, and its end is known', async () => {
  await execute(stack.client, { workloadId }, ['touch', '/tmp/end']);
  expect(await workloadEnd(stack.client, workloadId)).toBe(0);
  expectWhole(await stack.output('workload', 'logs', workloadId));
});

test('it takes another workload, and destroying it leaves nothing', async () => {
  const image = await busyboxImage();
  const workload = await launchWorkload(stack.client, zoneId, image, ['sh', '-c', 'exit 5']);
  expect(await workloadEnd(stack.client, workload)).toBe(5);
  await destroyZone(stack.client, zoneId);
  expect(await leftBehindBy(stack, before)).toEqual({});
});
