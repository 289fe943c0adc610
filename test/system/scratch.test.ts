import { afterAll, beforeAll, expect, test } from 'vitest';
import { destroyZone, execute, launchWorkload, launchZone } from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;
let image: string;
let before: HostSnapshot;

beforeAll(async () => {
  image = await busyboxImage();
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

/** Size in MiB of the filesystem that a workload of the zone writes to. */
async function writableMib(zoneId: string): Promise<number> {
  const workloadId = await launchWorkload(stack.client, zoneId, image, ['sleep', '100000']);
  const { stdout } = await execute(stack.client, { workloadId }, ['df', '-m', '/']);
  return Number(/^\S+\s+(\d+)/.exec(stdout.split('\n')[1] ?? '')?.[1]);
}

test('workloads write to half of the zone’s memory when no scratch disk was asked for', async () => {
  const zone = await launchZone(stack.client, { initialResources: { maxMemory: 256n, targetMemory: 256n } });
  const mib = await writableMib(zone.id);
  expect(mib).toBeGreaterThan(90);
  expect(mib).toBeLessThanOrEqual(128);
  await destroyZone(stack.client, zone.id);
});

test('workloads write to a scratch disk of the size that was asked for', async () => {
  const zoneId = await stack.output('zone', 'launch', '--wait', '--create-scratch-disk', '512');
  const mib = await writableMib(zoneId);
  expect(mib).toBeGreaterThan(430);
  expect(mib).toBeLessThanOrEqual(512);
  await destroyZone(stack.client, zoneId);
});

test('neither leaves anything on the host', async () => {
  expect(await leftBehindBy(stack, before)).toEqual({});
});
