import { ZoneState } from '@protect/proto/control-common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { execute, launchWorkload, launchZone, listZones } from '../system/guests.ts';
import { busyboxImage } from '../system/images.ts';
import { startStack, type TestStack } from '../system/stack.ts';
import { quantileOf } from './latency.ts';

const zones = 3;
const calls = 1000;
const factor = 5;

let stack: TestStack;
let image: string;
const zoneIds: string[] = [];

beforeAll(async () => {
  image = await busyboxImage();
  stack = await startStack();
  for (let index = 0; index < zones; index++) {
    zoneIds.push(
      (await launchZone(stack.client, { name: `flood-${index}`, initialResources: { maxCpus: 1 } })).id,
    );
  }
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

/** The 99th percentile of GetHostStatus over many calls, in milliseconds. */
async function statusP99(): Promise<number> {
  const took: number[] = [];
  for (let index = 0; index < calls; index++) {
    const began = performance.now();
    await stack.client.getHostStatus({});
    took.push(performance.now() - began);
  }
  return quantileOf(took, 0.99);
}

test(`${zones} zones that flood IDM do not hold up the control API`, async () => {
  await statusP99();
  const quiet = await statusP99();
  const flooding = new AbortController();
  const floods: Flood[] = [];
  for (const zoneId of zoneIds) {
    // Output that is stored, and output that a client reads as fast as it comes.
    const workloadId = await launchWorkload(stack.client, zoneId, image, ['yes', 'flood']);
    floods.push(flood(workloadId, flooding.signal));
  }
  await Promise.all(floods.map(({ flowing }) => flowing));
  const before = floods.map(({ receivedBytes }) => receivedBytes());
  const loud = await statusP99();
  // Without a flood from every zone, the number would mean nothing.
  for (const [index, { receivedBytes }] of floods.entries()) {
    expect(receivedBytes()).toBeGreaterThan(before[index] ?? 0);
  }
  flooding.abort();
  await Promise.all(floods.map(({ ended }) => ended));
  console.log(`p99 of GetHostStatus: ${quiet.toFixed(1)} ms quiet, ${loud.toFixed(1)} ms flooded`);
  expect(loud).toBeLessThanOrEqual(factor * quiet);

  const states = (await listZones(stack.client)).map((zone) => zone.status?.state);
  expect(states).toEqual(zoneIds.map(() => ZoneState.READY));
  for (const zoneId of zoneIds) {
    expect(await execute(stack.client, { zoneId }, ['crun', '--version'])).toMatchObject({ exitCode: 0 });
  }
});

interface Flood {
  /** Settles with the first output, or with what kept it from coming. */
  readonly flowing: Promise<unknown>;
  readonly ended: Promise<void>;
  receivedBytes(): number;
}

function flood(workloadId: string, signal: AbortSignal): Flood {
  let received = 0;
  const first = Promise.withResolvers<void>();
  async function* request() {
    const process = { command: ['yes'], stdout: true };
    yield { request: { case: 'start' as const, value: { workloadId, process } } };
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }
  async function run(): Promise<void> {
    try {
      for await (const { reply } of stack.client.executeZoneCommand(request(), { signal })) {
        if (reply.case !== 'output') continue;
        received += reply.value.stdout.length;
        first.resolve();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
  const ended = run();
  return { flowing: Promise.race([first.promise, ended]), ended, receivedBytes: () => received };
}
