import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { execute, launchWorkload, launchZone, workloadEnd } from '../system/guests.ts';
import { busyboxImage } from '../system/images.ts';
import { startStack, type TestStack } from '../system/stack.ts';
import { medianOf } from './latency.ts';

const blocks = 200;
/** The numbers from 1 on, a line each, cut at one MiB: the same on both sides. */
const block = Buffer.from(Array.from({ length: 160_000 }, (_, index) => `${index + 1}\n`).join('')).subarray(
  0,
  1024 * 1024,
);
const program = [
  'seq 1 160000 | head -c 1048576 >/tmp/block',
  `i=1; while [ $i -le ${blocks} ]; do echo "block $i"; cat /tmp/block; i=$((i+1)); done`,
].join('; ');
/**
 * One exec may take this many times what it takes while the same program prints into the void: the processor is
 * shared either way, and what is asked is what the output costs.
 */
const noticeable = 3;

let stack: TestStack;
let image: string;
let zoneId: string;

beforeAll(async () => {
  image = await busyboxImage();
  stack = await startStack();
  zoneId = (await launchZone(stack.client, { name: 'loud' })).id;
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

test('200 MiB of output arrive whole and do not delay the exec of another workload', async () => {
  const quietWorkload = await launchWorkload(stack.client, zoneId, image, ['sleep', '100000'], {
    name: 'quiet',
  });
  const execTook = async () => {
    const began = performance.now();
    await execute(stack.client, { workloadId: quietWorkload }, ['true']);
    return performance.now() - began;
  };
  const voidId = await launchWorkload(stack.client, zoneId, image, [
    'sh',
    '-c',
    `while :; do ${program}; done >/dev/null`,
  ]);
  const quiet: number[] = [];
  for (let index = 0; index < 20; index++) quiet.push(await execTook());
  await stack.client.destroyWorkload({ workloadId: voidId });

  const workloadId = await launchWorkload(stack.client, zoneId, image, ['sh', '-c', program], {
    name: 'loud',
  });
  const hash = createHash('sha256');
  let received = 0;
  const reading = (async () => {
    // The input stays open: its end would be the workload's.
    const done = new AbortController();
    async function* requests() {
      yield { workloadId };
      await once(done.signal, 'abort');
    }
    for await (const { stdout } of stack.client.attachWorkloadConsole(requests())) {
      hash.update(stdout);
      received += stdout.length;
    }
    done.abort();
  })();
  const ended = workloadEnd(stack.client, workloadId);
  const loud: number[] = [];
  const over = new AbortController();
  const measuring = (async () => {
    while (!over.signal.aborted) loud.push(await execTook());
  })();
  await reading;
  over.abort();
  await measuring;
  expect(await ended).toBe(0);

  const wanted = createHash('sha256');
  for (let index = 1; index <= blocks; index++) wanted.update(`block ${index}\n`).update(block);
  expect(received).toBe(
    blocks * block.length + Array.from({ length: blocks }, (_, i) => `block ${i + 1}\n`).join('').length,
  );
  expect(hash.digest('hex')).toBe(wanted.digest('hex'));
  console.log(
    `exec: ${medianOf(quiet).toFixed(0)} ms beside output into the void, ${medianOf(loud).toFixed(0)} ms beside output that is stored and read`,
  );
  expect(medianOf(loud)).toBeLessThan(noticeable * medianOf(quiet));
});
