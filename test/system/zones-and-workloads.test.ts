import { cpus, hostname, release } from 'node:os';
import type { Zone } from '@protect/proto/control-common';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  destroyZone,
  execute,
  launchWorkload,
  launchZone,
  listWorkloads,
  listZones,
  workloadEnd,
} from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

const stays = ['sleep', '100000'];

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

describe('two zones, three workloads in one of them', () => {
  let one: Zone;
  let two: Zone;
  let workloads: string[];

  beforeAll(async () => {
    [one, two] = await Promise.all([
      launchZone(stack.client, { name: 'one' }),
      launchZone(stack.client, { name: 'two' }),
    ]);
    workloads = [];
    for (const name of ['a', 'b', 'c']) {
      workloads.push(
        await launchWorkload(stack.client, one.id, image, stays, { name, hostname: `host-${name}` }),
      );
    }
  });

  test('both zones are listed ready, each with its own addresses', async () => {
    const zones = await listZones(stack.client);
    const addresses = zones.map((zone) =>
      zone.status?.networkStatus?.interfaces[0]?.ips.map((ip) => ip.address),
    );
    expect(zones).toHaveLength(2);
    expect(new Set(addresses.flat()).size).toBe(4);
  });

  test('a zone runs its own kernel under its own name', async () => {
    const { stdout } = await execute(stack.client, { workloadId: workloads[0] ?? '' }, ['uname', '-a']);
    expect(stdout).toContain('host-a');
    expect(stdout).not.toContain(hostname());
    expect(stdout).not.toContain(` ${release()} `);
  });

  test('a workload sees only its own processes and is PID 1 of them', async () => {
    for (const workloadId of workloads) {
      const { stdout } = await execute(stack.client, { workloadId }, ['ps', '-o', 'pid,args']);
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
    const [a, b] = workloads;
    const serving = execute(stack.client, { workloadId: a ?? '' }, [
      'nc',
      '-l',
      '-p',
      '7000',
      '-e',
      'echo',
      'from a',
    ]);
    const dialled = await execute(stack.client, { workloadId: b ?? '' }, [
      'sh',
      '-c',
      'until nc -w 5 127.0.0.1 7000 </dev/null; do :; done',
    ]);
    expect(dialled.stdout).toBe('from a\n');
    expect((await serving).exitCode).toBe(0);
  });

  test('a workload does not see the files of its neighbour', async () => {
    const [a, b] = workloads;
    await execute(stack.client, { workloadId: a ?? '' }, ['sh', '-c', 'echo secret >/tmp/mine']);
    const other = await execute(stack.client, { workloadId: b ?? '' }, ['cat', '/tmp/mine']);
    expect(other.exitCode).toBe(1);
  });

  test('a workload’s root is a pivoted one: the zone’s own root is nowhere in its mounts', async () => {
    const { stdout } = await execute(stack.client, { workloadId: workloads[0] ?? '' }, [
      'cat',
      '/proc/self/mountinfo',
    ]);
    const root = stdout.split('\n').find((line) => line.split(' ')[4] === '/');
    expect(root).toMatch(/ - overlay /);
    expect(stdout).not.toContain('rootfs rootfs');
    expect(stdout.split('\n').filter((line) => line.split(' ')[4] === '/')).toHaveLength(1);
  });

  test('zones reach each other in both families', async () => {
    const ips = two.status?.networkStatus?.interfaces[0]?.ips ?? [];
    expect(ips).toHaveLength(2);
    for (const ip of ips) {
      const address = ip.address.split('/')[0] ?? '';
      const ping = await execute(stack.client, { workloadId: workloads[0] ?? '' }, [
        'ping',
        '-c',
        '1',
        '-W',
        '10',
        address,
      ]);
      expect(ping, `ping ${address}: ${ping.stdout}${ping.stderr}`).toMatchObject({ exitCode: 0 });
    }
  });

  test('the zone’s processor count is the smaller of four and the host’s when none is given', async () => {
    const { stdout } = await execute(stack.client, { workloadId: workloads[0] ?? '' }, ['nproc']);
    expect(Number(stdout)).toBe(Math.min(4, cpus().length));
  });

  test('exec gives the command’s own exit code, input, output and errors', async () => {
    const result = await execute(
      stack.client,
      { workloadId: workloads[0] ?? '' },
      ['sh', '-c', 'tr a-z A-Z; echo complaint >&2; exit 37'],
      'input',
    );
    expect(result).toEqual({ exitCode: 37, stdout: 'INPUT', stderr: 'complaint\n' });
  });

  test('exec works in the zone itself', async () => {
    expect(await stack.output('zone', 'exec', 'one', 'crun', '--version')).toContain('crun version');
    const missing = await stack.cli('workload', 'exec', 'a', '--', 'no-such-program');
    expect(missing.exitCode).toBeGreaterThan(0);
    expect(missing.stderr).toContain('no-such-program');
  });

  test('a workload’s end, exit code and output are kept', async () => {
    const id = await launchWorkload(
      stack.client,
      two.id,
      image,
      ['sh', '-c', 'echo out; echo err >&2; exit 3'],
      {
        name: 'brief',
      },
    );
    expect(await workloadEnd(stack.client, id)).toBe(3);
    const logs = await stack.cli('workload', 'logs', id);
    expect(logs.stdout).toBe('out\n');
    expect(logs.stderr).toBe('err\n');
  });

  test('a workload killed by a signal reports 128 and the signal’s number', async () => {
    // PID 1 of a namespace ignores SIGTERM unless it handles it, so that the stop has to kill.
    const id = await launchWorkload(stack.client, two.id, image, stays);
    await stack.client.stopWorkload({ workloadId: id, timeout: 1n });
    expect(await workloadEnd(stack.client, id)).toBe(137);
  });

  test('a workload can be stopped, started again and attached to', async () => {
    const id = await launchWorkload(stack.client, two.id, image, ['sh', '-c', 'echo begun; cat; echo eof'], {
      stdin: true,
    });
    await stack.client.stopWorkload({ workloadId: id, timeout: 1n });
    await workloadEnd(stack.client, id);
    await stack.client.startWorkload({ workloadId: id });
    const attached = await stack.cliWith({ input: 'typed\n' }, 'workload', 'attach', id);
    expect(attached.stdout).toContain('typed\neof\n');
    expect(attached.exitCode).toBe(0);
  });

  test('destroying everything leaves the host as it was', async () => {
    await Promise.all([destroyZone(stack.client, one.id), destroyZone(stack.client, two.id)]);
    expect(await listWorkloads(stack.client)).toEqual([]);
    expect(await leftBehindBy(stack, before)).toEqual({});
  });
});
