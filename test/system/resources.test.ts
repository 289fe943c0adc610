import { Code } from '@connectrpc/connect';
import { ZoneResourceAdjustmentPolicy } from '@protect/proto/control-common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroyZone, eventually, execute, launchWorkload, launchZone } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;
let image: string;

beforeAll(async () => {
  image = await busyboxImage();
  stack = await startStack();
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

/** Memory as the kernel counts it, MiB, and CPUs that a program may use, seen from a workload. */
async function inside(workloadId: string): Promise<{ readonly totalMib: number; readonly cpus: number }> {
  const { stdout } = await execute(stack.client, { workloadId }, ['sh', '-c', 'nproc; cat /proc/meminfo']);
  const kib = /^MemTotal: +(\d+) kB$/m.exec(stdout)?.[1];
  return { totalMib: Math.round(Number(kib) / 1024), cpus: Number.parseInt(stdout, 10) };
}

async function activeResources(zoneId: string) {
  const { zone } = await stack.client.getZone({ zoneId });
  return zone?.status?.resourceStatus?.activeResources;
}

describe('a static zone', () => {
  const initialResources = {
    ...{ minMemory: 128n, targetMemory: 192n, maxMemory: 512n },
    ...{ minCpus: 1, targetCpus: 1, maxCpus: 2 },
    adjustmentPolicy: ZoneResourceAdjustmentPolicy.STATIC,
  };
  let zoneId: string;
  let workloadId: string;
  let before: { readonly totalMib: number; readonly cpus: number };

  beforeAll(async () => {
    zoneId = (await launchZone(stack.client, { name: 'resized', initialResources })).id;
    workloadId = await launchWorkload(stack.client, zoneId, image, ['sleep', '100000']);
    before = await inside(workloadId);
  });

  test('has at first what it was launched with, although it may have more', () => {
    expect(before.cpus).toBe(1);
    expect(before.totalMib).toBeLessThan(192);
  });

  test('has what the command gives it, when the command has ended', async () => {
    await stack.output('zone', 'update-resources', '-m', '448', '-c', '2', 'resized');
    expect(await inside(workloadId)).toEqual({ totalMib: before.totalMib + (448 - 192), cpus: 2 });
    expect(await activeResources(zoneId)).toMatchObject({
      targetMemory: 448n,
      targetCpus: 2,
      maxMemory: 512n,
    });
    expect(await stack.output('zone', 'list', 'resized', '-o', 'json')).toMatch(/"targetMemory": ?"448"/);
    expect(await stack.output('zone', 'top')).toMatch(/resized .* 2 /);
  });

  test('tells of it on NATS and to those who watch', async () => {
    const watch = new AbortController();
    const watching = stack.client.watchEvents({}, { signal: watch.signal })[Symbol.asyncIterator]();
    const first = watching.next();
    await stack.client.updateZoneResources({ zoneId, resources: { targetMemory: 400n } });
    for (let next = await first; !next.done; next = await watching.next()) {
      const { event } = next.value;
      const resources =
        event.case === 'zoneChanged' ? event.value.zone?.status?.resourceStatus?.activeResources : undefined;
      if (resources?.targetMemory === 400n) break;
    }
    watch.abort();
    await first;
  });

  test('keeps it over a restart of the daemon, and takes more then', async () => {
    await stack.services.daemon.kill9();
    await stack.services.daemon.restart();
    expect(await inside(workloadId)).toEqual({ totalMib: before.totalMib + (400 - 192), cpus: 2 });
    await stack.output('zone', 'update-resources', '-m', '160', '--target-cpus', '1', 'resized');
    expect(await inside(workloadId)).toEqual({ totalMib: before.totalMib - (192 - 160), cpus: 1 });
    await stack.output('zone', 'update-resources', '--target-cpus', '2', 'resized');
    expect((await inside(workloadId)).cpus).toBe(2);
  });

  test('is refused what cannot be, by name', async () => {
    const refused = (resources: object) =>
      expect(stack.client.updateZoneResources({ zoneId, resources })).rejects;
    await refused({ targetMemory: 1024n }).toMatchObject({
      code: Code.InvalidArgument,
      rawMessage: 'target-memory 1024 MiB is more than max-memory 512 MiB',
    });
    await refused({ maxMemory: 1024n }).toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: expect.stringContaining('launched with at most'),
    });
    await refused({ minMemory: 64n, targetMemory: 64n }).toMatchObject({
      code: Code.FailedPrecondition,
      rawMessage: expect.stringContaining('cannot do with 64 MiB'),
    });
  });

  test('goes', async () => {
    await destroyZone(stack.client, zoneId);
  });
});

test('a dynamic zone gives back what it does not use, and has all before a workload needs it', async () => {
  const zone = await launchZone(stack.client, {
    name: 'breathing',
    initialResources: {
      ...{ minMemory: 128n, targetMemory: 1536n, maxMemory: 1536n, maxCpus: 1 },
      adjustmentPolicy: ZoneResourceAdjustmentPolicy.DYNAMIC,
    },
  });
  const target = async () => (await activeResources(zone.id))?.targetMemory;
  await eventually(stack.client, 'less memory', async () => ((await target()) === 768n ? true : undefined));
  // At once more than the zone has before.
  const hungry = 'dd if=/dev/zero of=/dev/null bs=800M count=1 && sleep 100000';
  const workloadId = await launchWorkload(stack.client, zone.id, image, ['sh', '-c', hungry]);
  expect(await target()).toBe(1536n);
  expect((await inside(workloadId)).totalMib).toBeGreaterThan(1400);
  await destroyZone(stack.client, zone.id);
});
