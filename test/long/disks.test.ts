import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  destroyWorkload,
  destroyZone,
  execute,
  launchWorkload,
  launchZone,
  listWorkloads,
  workloadEnd,
} from '../system/guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from '../system/host-snapshot.ts';
import { busyboxImage } from '../system/images.ts';
import { startStack, type TestStack } from '../system/stack.ts';

const atOnce = 40;
const cycles = 64;

let stack: TestStack;
let image: string;
let zoneId: string;
let empty: HostSnapshot;
let before: HostSnapshot;

beforeAll(async () => {
  image = await busyboxImage();
  stack = await startStack();
  empty = await snapshotHost(stack.state, stack.netns);
  zoneId = (await launchZone(stack.client, { name: 'disks' })).id;
  before = await snapshotHost(stack.state, stack.netns);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

test(`${atOnce} workloads have their disks in one zone at once`, async () => {
  const ids: string[] = [];
  for (let index = 0; index < atOnce; index++) {
    ids.push(await launchWorkload(stack.client, zoneId, image, ['sleep', '100000'], { name: `w${index}` }));
  }
  const names = await Promise.all(
    ids.map(async (workloadId) =>
      (await execute(stack.client, { workloadId }, ['cat', '/proc/1/comm'])).stdout.trim(),
    ),
  );
  expect(names).toEqual(ids.map(() => 'sleep'));
  for (const workloadId of ids) await destroyWorkload(stack.client, workloadId);
  expect(await listWorkloads(stack.client)).toEqual([]);
});

test(`a disk can come and go ${cycles} times in one zone`, async () => {
  for (let index = 0; index < cycles; index++) {
    const workloadId = await launchWorkload(stack.client, zoneId, image, ['echo', `cycle ${index}`]);
    expect(await workloadEnd(stack.client, workloadId)).toBe(0);
    expect(await stack.output('workload', 'logs', workloadId)).toBe(`cycle ${index}`);
    await destroyWorkload(stack.client, workloadId);
  }
});

test('nothing of all these disks is left, neither with the zone nor after it', async () => {
  expect(await leftBehindBy(stack, before)).toEqual({});
  await destroyZone(stack.client, zoneId);
  expect(await leftBehindBy(stack, empty)).toEqual({});
});
