import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  OciImageFormat,
  ProcessSpecSchema,
  WorkloadSpecSchema,
  WorkloadState,
  ZoneState,
} from '@protect/proto/control-common';
import { execute, listWorkloads, listZones, pullImage } from '../system/guests.ts';
import { listImages } from './list-images.ts';
import { countingProgram } from './numbered-output.ts';
import { checkOutput, readOutput } from './output.ts';
import { type Operation, type WorkloadSlot, type ZoneSlot, zoneOf } from './plan.ts';
import { ends, FailedAgain, perform, type StepProgress, Violation } from './step-progress.ts';
import { hangMs, type World } from './world.ts';
import { takeZoneAway, zoneWhen } from './zone-life.ts';

const zoneMemoryMib = 128n;
const execParts = 20;

/** Carries one operation out, whatever breaks meanwhile; an error is a fault of the system under test. */
export async function operate(world: World, operation: Operation, progress: StepProgress): Promise<void> {
  const told = describeOperation(operation);
  // Of this operation alone, so that what an unanswered call has made can be told.
  const name = `${told.replaceAll(' ', '-')}-${crypto.randomUUID().slice(0, 8)}`;
  const patiently = (attempt: () => Promise<void>) => perform(told, progress, attempt);
  try {
    switch (operation.do) {
      case 'launch':
        return await patiently(() => launch(world, operation.zone, name, progress));
      case 'start':
        return await patiently(() => start(world, operation.workload, name, progress));
      case 'exec':
        return await patiently(() => exec(world, operation.workload));
      case 'pull':
        return await patiently(() => pull(world));
      case 'destroy-workload':
        await patiently(() => endWorkload(world, operation.workload, progress));
        return await patiently(() => destroyWorkload(world, operation.workload));
      case 'destroy-zone':
        return await patiently(() => takeZoneAway(world, operation.zone));
      default:
        return operation satisfies never;
    }
  } catch (error) {
    const zone = operation.do === 'pull' ? undefined : zoneOfOperation(operation);
    // What was asked of a zone whose machine was ended cannot succeed.
    const excused = zone !== undefined && ends(progress, zone) && error instanceof FailedAgain;
    if (!excused) throw error;
  }
}

export function describeOperation(operation: Operation): string {
  if (operation.do === 'pull') return 'pull';
  return `${operation.do} ${'zone' in operation ? operation.zone : operation.workload}`;
}

export function zoneOfOperation(operation: Exclude<Operation, { do: 'pull' }>): ZoneSlot {
  return 'zone' in operation ? operation.zone : zoneOf(operation.workload);
}

async function launch(world: World, slot: ZoneSlot, name: string, progress: StepProgress): Promise<void> {
  const { client } = world.stack;
  const made = (await listZones(client)).find((zone) => zone.spec?.name === name);
  const initialResources = { maxMemory: zoneMemoryMib, targetMemory: zoneMemoryMib };
  const id = made?.id ?? (await client.createZone({ spec: { name, initialResources } })).zoneId;
  world.zones.set(slot, { id, domid: undefined });
  const zone = await zoneWhen(world, id, [ZoneState.READY, ZoneState.FAILED, ZoneState.EXITED]);
  if (zone.status?.state === ZoneState.READY) {
    world.zones.set(slot, { id, domid: zone.status.domid });
    return;
  }
  if (ends(progress, slot)) return;
  const why = `zone ${id} failed: ${zone.status?.errorStatus?.message}`;
  if (progress.fault.kind !== 'fill-disk') throw new Violation(why);
  await takeZoneAway(world, slot);
  throw new Error(why);
}

async function start(world: World, slot: WorkloadSlot, name: string, progress: StepProgress): Promise<void> {
  const { client } = world.stack;
  const zoneId = world.zones.get(zoneOf(slot))?.id ?? '';
  const digest = await pullImage(client, world.images.busybox);
  const made = (await listWorkloads(client)).find((workload) => workload.spec?.name === name);
  const process = create(ProcessSpecSchema, { command: ['sh', '-c', countingProgram], stdout: true });
  const image = { digest, format: OciImageFormat.SQUASHFS };
  const spec = create(WorkloadSpecSchema, { zoneId, name, image, process });
  const id = made?.id ?? (await client.createWorkload({ spec })).workloadId;
  const known = { id, zoneId, lines: 0 };
  world.workloads.set(slot, known);
  const { CREATING, CREATED, FAILED, RUNNING } = WorkloadState;
  const state = await workloadState(world, id, (now) => now !== CREATING);
  if (state === CREATED) {
    await client.startWorkload({ workloadId: id }).catch((error: unknown) => {
      // An earlier attempt got this far.
      if (ConnectError.from(error).code !== Code.FailedPrecondition) throw error;
    });
  }
  const now = await workloadState(world, id, (it) => it === RUNNING || it === FAILED);
  if (now === RUNNING) return;
  const { workload } = await client.getWorkload({ workloadId: id });
  const why = `workload ${id} failed: ${workload?.status?.errorStatus?.message}`;
  if (ends(progress, zoneOf(slot))) return;
  if (progress.fault.kind !== 'fill-disk') throw new Violation(why);
  await destroyWorkload(world, slot);
  throw new Error(why);
}

async function exec(world: World, slot: WorkloadSlot): Promise<void> {
  const workloadId = world.workloads.get(slot)?.id ?? '';
  const program = `i=0; while [ $i -lt ${execParts} ]; do i=$((i+1)); echo "part $i"; usleep 50000; done`;
  const result = await execute(world.stack.client, { workloadId }, ['sh', '-c', program], '', () =>
    world.signs.tell(),
  );
  const wanted = Array.from({ length: execParts }, (_, index) => `part ${index + 1}\n`).join('');
  if (result.exitCode === 0 && result.stdout === wanted && result.stderr === '') return;
  throw new Violation(`exec in ${workloadId} ended well and gave ${JSON.stringify(result)}`);
}

async function pull(world: World): Promise<void> {
  const { client } = world.stack;
  const { large, largeDigest } = world.images;
  const format = OciImageFormat.SQUASHFS;
  await client.removeImage({ digest: largeDigest });
  let digest: string | undefined;
  for await (const reply of client.pullImage({ image: large, format })) {
    world.signs.tell();
    digest = reply.spec?.digest || digest;
  }
  if (digest !== largeDigest) throw new Violation(`${large} is ${largeDigest}, and ${digest} was pulled`);
  if (!(await listImages(client)).includes(largeDigest)) {
    throw new Violation(`${large} was pulled and is not listed`);
  }
}

/** Lets a workload come to its end and reads all that it printed. */
async function endWorkload(world: World, slot: WorkloadSlot, progress: StepProgress): Promise<void> {
  const { client } = world.stack;
  const known = world.workloads.get(slot);
  if (known === undefined) return;
  const { COMPLETED, FAILED } = WorkloadState;
  const ended = (state: WorkloadState) => state === COMPLETED || state === FAILED;
  const now = await workloadState(world, known.id, () => true);
  if (now === undefined || !ended(now)) {
    const touched = execute(client, { workloadId: known.id }, ['touch', '/tmp/end']);
    await touched.catch((error: unknown) => {
      // An earlier attempt got this far, and the daemon hears of it only now.
      if (ConnectError.from(error).code !== Code.FailedPrecondition) throw error;
    });
  }
  const state = await workloadState(world, known.id, ended);
  if (state === FAILED) throw new Error(`workload ${known.id} failed`);
  // The last of it may have been in a machine that is no more.
  const whole = !ends(progress, zoneOf(slot));
  checkOutput(known, await readOutput(client, known.id, { follow: true }), whole);
}

async function destroyWorkload(world: World, slot: WorkloadSlot): Promise<void> {
  const { client } = world.stack;
  const id = world.workloads.get(slot)?.id ?? '';
  if ((await workloadState(world, id, () => true)) !== undefined) {
    await client.destroyWorkload({ workloadId: id }).catch((error: unknown) => {
      if (ConnectError.from(error).code !== Code.NotFound) throw error;
    });
  }
  await world.signs.until(`workload ${id} gone`, hangMs, async () =>
    (await listWorkloads(client)).some((workload) => workload.id === id) ? undefined : true,
  );
  world.ended.add(id);
  world.workloads.delete(slot);
}

/** The workload's state once it is such; undefined when there is no such workload. */
async function workloadState(world: World, id: string, such: (state: WorkloadState) => boolean) {
  const found = await world.signs.until(`another state of workload ${id}`, hangMs, async () => {
    const workload = (await listWorkloads(world.stack.client)).find((listed) => listed.id === id);
    const state = workload?.status?.state ?? WorkloadState.UNKNOWN;
    return workload === undefined || such(state) ? { state: workload && state } : undefined;
  });
  return found.state;
}
