import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  destroyZone,
  eventually,
  execute,
  launchWorkload,
  launchZone,
  listZones,
  workloadEnd,
} from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { countingScript, expectWhole } from './numbered-lines.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;
let before: HostSnapshot;
let zoneId: string;
let workloadId: string;

beforeAll(async () => {
  const image = await busyboxImage();
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  zoneId = (await launchZone(stack.client, { name: 'survivor' })).id;
  workloadId = await launchWorkload(stack.client, zoneId, image, ['sh', '-c', countingScript(20)], {
    name: 'counter',
  });
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

/** How far the counter has come, as the logs tell. */
async function linesSoFar(): Promise<number> {
  const logs = await stack.output('workload', 'logs', workloadId);
  return Number(/line (\d+)$/.exec(logs.trimEnd())?.[1] ?? 0);
}

/** Waits until the counter's output has gone on for `lines` lines more. */
async function outputGoesOn(lines: number): Promise<void> {
  const from = await linesSoFar();
  await eventually(stack.client, `${lines} more lines`, async () =>
    (await linesSoFar()) > from + lines ? true : undefined,
  );
}

/** Everything a user does with a zone works. */
async function expectUsable(): Promise<void> {
  const zones = await listZones(stack.client);
  expect(zones.map((zone) => zone.id)).toEqual([zoneId]);
  expect(await execute(stack.client, { workloadId }, ['echo', 'here'])).toMatchObject({
    exitCode: 0,
    stdout: 'here\n',
  });
  await outputGoesOn(5);
}

describe('a running workload outlives', () => {
  // The daemon alone is among the core tests.
  test.each(['storage', 'network', 'orchestrator', 'cri'] as const)('kill -9 of %s', async (name) => {
    await stack.services[name].kill9();
    await stack.services[name].restart();
    await expectUsable();
  });

  test('a restart of nats-server', async () => {
    await stack.nats.restart();
    await expectUsable();
  });

  test('kill -9 of nats-server', async () => {
    await stack.nats.kill9();
    await stack.nats.restart();
    await expectUsable();
  });

  test('kill -9 of all services at once', async () => {
    const all = Object.values(stack.services);
    await Promise.all(all.map((service) => service.kill9()));
    await Promise.all(all.map((service) => service.restart()));
    await expectUsable();
  });
});

test('new zones can be made after all that', async () => {
  const zone = await launchZone(stack.client, { name: 'newcomer' });
  await destroyZone(stack.client, zone.id);
});

test('the workload’s output is complete and once only', async () => {
  await execute(stack.client, { workloadId }, ['touch', '/tmp/end']);
  expect(await workloadEnd(stack.client, workloadId)).toBe(0);
  expectWhole(await stack.output('workload', 'logs', workloadId));
});

test('destroying the zone leaves the host as it was', async () => {
  await destroyZone(stack.client, zoneId);
  expect(await leftBehindBy(stack, before)).toEqual({});
});
