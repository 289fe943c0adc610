import { cpus } from 'node:os';
import type { Zone } from '@protect/proto/control-common';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { destroyZone, execute, launchWorkload, launchZone, listWorkloads } from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

const memoryMib = 256;

let stack: TestStack;
let before: HostSnapshot;
let zone: Zone;
let a: string;
let b: string;

beforeAll(async () => {
  const image = await busyboxImage();
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  const memory = BigInt(memoryMib);
  zone = await launchZone(stack.client, { initialResources: { maxMemory: memory, targetMemory: memory } });
  const launch = (name: string) =>
    launchWorkload(stack.client, zone.id, image, ['sleep', '100000'], { name, hostname: `host-${name}` });
  [a, b] = [await launch('a'), await launch('b')];
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

const run = (workloadId: string, ...command: string[]) => execute(stack.client, { workloadId }, command);

test('a workload has a host name of its own', async () => {
  expect((await run(a, 'hostname')).stdout).toBe('host-a\n');
  expect((await run(b, 'hostname')).stdout).toBe('host-b\n');
});

test('a workload sees only its own processes and is PID 1 of them', async () => {
  for (const workloadId of [a, b]) {
    const { stdout } = await run(workloadId, 'ps', '-o', 'pid,args');
    const commands = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().replace(/\s+/, ' '));
    expect(commands.filter((command) => command.includes('sleep'))).toEqual(['1 sleep 100000']);
    expect(commands).toHaveLength(2);
  }
});

test('workloads of one zone share its network', async () => {
  const serving = run(a, 'nc', '-l', '-p', '7000', '-e', 'echo', 'from a');
  const dialled = await run(b, 'sh', '-c', 'until nc -w 5 127.0.0.1 7000 </dev/null; do :; done');
  expect(dialled.stdout).toBe('from a\n');
  expect((await serving).exitCode).toBe(0);
});

test('a workload does not see the files of its neighbour', async () => {
  await run(a, 'sh', '-c', 'echo secret >/tmp/mine');
  expect((await run(b, 'cat', '/tmp/mine')).exitCode).toBe(1);
});

test('a workload’s root is a pivoted one: the zone’s own root is nowhere in its mounts', async () => {
  const { stdout } = await run(a, 'cat', '/proc/self/mountinfo');
  const roots = stdout.split('\n').filter((line) => line.split(' ')[4] === '/');
  expect(roots).toEqual([expect.stringMatching(/ - overlay /)]);
  expect(stdout).not.toContain('rootfs rootfs');
});

test('the zone’s processor count is the smaller of four and the host’s when none is given', async () => {
  expect(Number((await run(a, 'nproc')).stdout)).toBe(Math.min(4, cpus().length));
});

test('workloads write to half of the zone’s memory when no scratch disk was asked for', async () => {
  const { stdout } = await run(a, 'df', '-m', '/');
  const mib = Number(/^\S+\s+(\d+)/.exec(stdout.split('\n')[1] ?? '')?.[1]);
  expect(mib).toBeGreaterThan(90);
  expect(mib).toBeLessThanOrEqual(memoryMib / 2);
});

test('destroying the zone leaves the host as it was', async () => {
  await destroyZone(stack.client, zone.id);
  expect(await listWorkloads(stack.client)).toEqual([]);
  expect(await leftBehindBy(stack, before)).toEqual({});
});
