import { create } from '@bufbuild/protobuf';
import { newZoneId, parseZoneId } from '@protect/config/ids';
import {
  OciImageFormat,
  ProcessNamespace,
  ProcessSpecSchema,
  type Workload,
  WorkloadSpecSchema,
  WorkloadState,
  type Zone,
  ZoneState,
} from '@protect/proto/control-common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connectControlSocket } from '../../services/daemon/src/hypervisor/qemu/control-socket.ts';
import { QmpClient } from '../../services/daemon/src/hypervisor/qemu/qmp.ts';
import { destroyZone, eventually, launchZone, pullImage, zoneInState } from '../system/guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from '../system/host-snapshot.ts';
import { busyboxImage } from '../system/images.ts';
import { startStack, type TestStack } from '../system/stack.ts';

const memory = { maxMemory: 192n, minMemory: 192n, targetMemory: 192n };

/** Takes more memory than a small zone has left, at once: whoever takes it bit by bit has the zone read its programs anew for long. */
const eater = 'exec dd if=/dev/zero of=/dev/null bs=150M count=1';

let stack: TestStack;
let before: HostSnapshot;
let digest: string;

beforeAll(async () => {
  const image = await busyboxImage();
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  digest = await pullImage(stack.client, image);
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

async function smallZone(name: string, sysctlParameters: { key: string; value: string }[] = []) {
  return await launchZone(stack.client, {
    name,
    initialResources: memory,
    kernelOptions: { sysctlParameters },
  });
}

interface Run {
  /** Of the workload's control group. */
  readonly memoryMax?: string;
  readonly privileged?: boolean;
  /** It sees the processes of the zone. */
  readonly zonePids?: boolean;
}

/** Starts a shell script as a workload; gives its id. */
async function startWorkload(zoneId: string, script: string, run: Run = {}): Promise<string> {
  const { memoryMax, privileged = false, zonePids = false } = run;
  const spec = create(WorkloadSpecSchema, {
    zoneId,
    image: { digest, format: OciImageFormat.SQUASHFS },
    process: create(ProcessSpecSchema, { command: ['sh', '-c', script] }),
    security: { privileged, disableNamespaces: zonePids ? [ProcessNamespace.PID] : [] },
    cgroupLimits: memoryMax === undefined ? [] : [{ limitName: 'memory.max', value: memoryMax }],
  });
  const { workloadId } = await stack.client.createWorkload({ spec });
  // A script that ends its zone may do so before the start is answered.
  await stack.client.startWorkload({ workloadId }).catch(() => undefined);
  return workloadId;
}

async function ended(workloadId: string): Promise<Workload['status']> {
  const workload = await eventually(stack.client, `the end of workload ${workloadId}`, async () => {
    const { workload } = await stack.client.getWorkload({ workloadId });
    const state = workload?.status?.state;
    return state === WorkloadState.COMPLETED || state === WorkloadState.FAILED ? workload : undefined;
  });
  return workload.status;
}

async function endedZone({ id }: Zone): Promise<Zone['status']> {
  return (await zoneInState(stack.client, id, [ZoneState.FAILED, ZoneState.EXITED])).status;
}

/** Settles when the machine of a zone has stopped, as it tells whoever asks while no daemon is there. */
async function stopped({ id }: Zone): Promise<void> {
  const signal = AbortSignal.timeout(30_000);
  const folder = stack.paths.zoneControl(parseZoneId(id) ?? newZoneId());
  const qmp = new QmpClient(await connectControlSocket(folder, 'qmp', signal));
  try {
    const stop = new Promise<void>((resolve) => {
      qmp.onEvent(({ name }) => {
        if (name === 'STOP') resolve();
      });
    });
    await qmp.negotiate(signal);
    const { running } = await qmp.execute(
      'query-status',
      z.looseObject({ running: z.boolean() }),
      {},
      signal,
    );
    if (running) await stop;
  } finally {
    qmp.close();
  }
}

describe('a workload', () => {
  let zone: Zone;

  beforeAll(async () => {
    zone = await smallZone('workloads');
  });

  afterAll(async () => {
    await destroyZone(stack.client, zone.id);
  });

  test('that ends by itself is completed with its code', async () => {
    const status = await ended(await startWorkload(zone.id, 'exit 7'));
    expect(status).toMatchObject({ state: WorkloadState.COMPLETED, exitStatus: { code: 7 } });
    expect(status?.errorStatus).toBeUndefined();
  });

  test('that a signal ends is completed with 128 and its number', async () => {
    // The kernel spares the first process of a namespace.
    const script = 'kill -SEGV $$; sleep 100';
    const status = await ended(await startWorkload(zone.id, script, { zonePids: true }));
    expect(status).toMatchObject({ state: WorkloadState.COMPLETED, exitStatus: { code: 139 } });
  });

  test('that needs more memory than its limit says so', async () => {
    const status = await ended(await startWorkload(zone.id, eater, { memoryMax: '16M' }));
    expect(status).toMatchObject({ state: WorkloadState.COMPLETED, exitStatus: { code: 137 } });
    expect(status?.errorStatus?.message).toMatch(/^it was ended by the out-of-memory killer/);
  });

  test('that lives on without a process says of that one', async () => {
    const script = `sh -c '${eater}'; exit 3`;
    const status = await ended(await startWorkload(zone.id, script, { memoryMax: '16M' }));
    expect(status).toMatchObject({ state: WorkloadState.COMPLETED, exitStatus: { code: 3 } });
    expect(status?.errorStatus?.message).toMatch(/^a process of it was ended by the out-of-memory killer/);
  });

  test('that takes all memory of its zone says so, and the zone goes on', async () => {
    const status = await ended(await startWorkload(zone.id, eater));
    expect(status).toMatchObject({ state: WorkloadState.COMPLETED, exitStatus: { code: 137 } });
    expect(status?.errorStatus?.message).toMatch(/out-of-memory killer/);
    expect(await ended(await startWorkload(zone.id, 'exit 4'))).toMatchObject({ exitStatus: { code: 4 } });
  });
});

describe('a zone', () => {
  const panic = 'sleep 1; echo c > /proc/sysrq-trigger; sleep 100';

  test('whose kernel panics has failed, with its last lines; its workload too, without them', async () => {
    const zone = await smallZone('panic');
    const workload = await startWorkload(zone.id, panic, { privileged: true });
    const status = await endedZone(zone);
    expect(status?.state).toBe(ZoneState.FAILED);
    expect(status?.errorStatus?.message).toMatch(/^the zone's kernel panicked\. Its last lines:\n/);
    expect(status?.errorStatus?.message).toContain('Kernel panic - not syncing: sysrq triggered crash\n');
    expect(await ended(workload)).toMatchObject({ errorStatus: { message: "the zone's kernel panicked" } });
    await destroyZone(stack.client, zone.id);
  });

  test('that panics for want of memory says so', async () => {
    const zone = await smallZone('out of memory', [{ key: 'vm.panic_on_oom', value: '2' }]);
    await startWorkload(zone.id, eater);
    const message = (await endedZone(zone))?.errorStatus?.message;
    expect(message).toMatch(/^the zone ran out of memory and its kernel panicked\. Its last lines:\n/);
    expect(message).toMatch(/Kernel panic - not syncing: Out of memory/);
    await destroyZone(stack.client, zone.id);
  });

  test('whose init has a fault has failed, and init says which', async () => {
    const zone = await smallZone('fault');
    await startWorkload(zone.id, 'kill -SEGV 1', { privileged: true, zonePids: true });
    const status = await endedZone(zone);
    expect(status?.state).toBe(ZoneState.FAILED);
    expect(status?.errorStatus?.message).toContain('protect-init: fault: signal 11');
    await destroyZone(stack.client, zone.id);
  });

  test('whose kernel panics while no daemon is there has failed for that reason', async () => {
    const zone = await smallZone('alone');
    await startWorkload(zone.id, panic, { privileged: true });
    await stack.services.daemon.kill9();
    await stopped(zone);
    await stack.services.daemon.restart();
    const status = await endedZone(zone);
    expect(status?.state).toBe(ZoneState.FAILED);
    expect(status?.errorStatus?.message).toBe("the zone's kernel panicked while no daemon was there");
    await destroyZone(stack.client, zone.id);
  });

  test('that powers itself off while no daemon is there has exited', async () => {
    const zone = await smallZone('alone');
    const off = 'sleep 1; echo o > /proc/sysrq-trigger; sleep 100';
    await startWorkload(zone.id, off, { privileged: true });
    await stack.services.daemon.kill9();
    await stopped(zone);
    await stack.services.daemon.restart();
    expect(await endedZone(zone)).toMatchObject({ state: ZoneState.EXITED, exitStatus: { code: 0 } });
    await destroyZone(stack.client, zone.id);
  });
});

test('leaves nothing', async () => {
  expect(await leftBehindBy(stack, before)).toEqual({});
});
