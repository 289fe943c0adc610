import { Code } from '@connectrpc/connect';
import { connectNats } from '@protect/bus/nats';
import { readCredentials, readServerAddress } from '@protect/bus/server-address';
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

/** What a tool that only reads may connect with. */
async function reader() {
  const [{ url }, credentials] = await Promise.all([
    readServerAddress(stack.paths),
    readCredentials(stack.paths, 'reader'),
  ]);
  return await connectNats({ url, ...credentials, name: 'test', onEvent: () => undefined });
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
    const nats = await reader();
    const told = Promise.withResolvers<string>();
    nats.subscribe(`protect.events.zone.${zoneId}.ready`, undefined, ({ data }) =>
      told.resolve(Buffer.from(data).toString()),
    );
    await nats.flush();
    const watch = new AbortController();
    const seen = (async () => {
      for await (const { event } of stack.client.watchEvents({}, { signal: watch.signal })) {
        const status = event.case === 'zoneChanged' ? event.value.zone?.status : undefined;
        if (status?.resourceStatus?.activeResources?.targetMemory === 400n) return true;
      }
      return false;
    })();
    const resources = { targetMemory: 400n };
    await stack.client.updateZoneResources({ zoneId, resources });
    expect(JSON.parse(await told.promise)).toMatchObject({ id: zoneId, memoryMib: 400, cpus: 2 });
    await nats.close();
    // The watch may have begun after the change; each later one tells of the whole zone.
    await stack.client.updateZoneResources({ zoneId, resources: { minMemory: 144n } });
    expect(await seen).toBe(true);
    watch.abort();
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
