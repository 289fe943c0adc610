import { setTimeout as delay } from 'node:timers/promises';
import { WorkloadState, ZoneState } from '@protect/proto/control-common';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  addWorkload,
  addZone,
  createFakeDaemon,
  type FakeDaemon,
  workloadId,
  zoneId,
} from './fake-daemon.ts';
import { runProtect } from './run-protect.ts';

let daemon: FakeDaemon;

beforeEach(() => {
  daemon = createFakeDaemon();
});

function withZones(): void {
  addZone(daemon, {
    id: zoneId,
    name: 'web',
    state: ZoneState.READY,
    addresses: ['10.75.0.5/32', 'fdd4:1476:6c7e::5/128'],
  });
  addZone(daemon, { id: '7f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f', name: 'old', state: ZoneState.FAILED });
}

describe('exec', () => {
  test.each([
    ['zone', 'web'],
    ['workload', 'hello'],
  ])('%s exec carries input, both outputs and the exit code', async (noun, name) => {
    withZones();
    addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
    daemon.exitCode = 42;
    const args = [noun, 'exec', '-e', 'A=b', '-w', '/tmp', name, '--', 'sh', '-c', 'exit 42'];
    expect(await runProtect(daemon, args, { input: 'typed' })).toEqual({
      exitCode: 42,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(daemon.input).toEqual(['typed', '']);
    expect(daemon.commands[0]?.request).toMatchObject({
      case: 'start',
      value: {
        zoneId: noun === 'zone' ? zoneId : '',
        workloadId: noun === 'workload' ? workloadId : '',
        process: {
          command: ['sh', '-c', 'exit 42'],
          environment: [{ key: 'A', value: 'b' }],
          workingDirectory: '/tmp',
          tty: false,
        },
      },
    });
  });

  test('with -t tells the terminal’s size and kind, and options of the command stay its own', async () => {
    withZones();
    const terminal = { rows: 50, columns: 132 };
    await runProtect(daemon, ['zone', 'exec', '-t', 'web', 'ls', '-t', '-e'], {
      terminal,
      env: { TERM: 'xterm' },
    });
    expect(daemon.commands[0]?.request).toMatchObject({
      value: {
        process: {
          command: ['ls', '-t', '-e'],
          tty: true,
          terminalSize: { rows: 50, columns: 132 },
          environment: [{ key: 'TERM', value: 'xterm' }],
        },
      },
    });
  });
});

describe('workload', () => {
  test('launch pulls, creates, starts and prints the UUID', async () => {
    withZones();
    const args = [
      'workload',
      'launch',
      '--zone',
      'web',
      '--name',
      'hello',
      '--',
      'oci:/busybox',
      'sh',
      '-c',
      'x',
    ];
    expect(await runProtect(daemon, args)).toEqual({ exitCode: 0, stdout: `${workloadId}\n`, stderr: '' });
    expect(daemon.pulled).toEqual(['oci:/busybox OCI_IMAGE_FORMAT_SQUASHFS']);
    expect(daemon.created.workloads[0]?.spec).toMatchObject({
      name: 'hello',
      zoneId,
      image: { digest: `sha256:${'ab'.repeat(32)}` },
      process: { command: ['sh', '-c', 'x'], stdin: false, tty: false },
    });
    expect(daemon.workloads.get(workloadId)?.status?.state).toBe(WorkloadState.RUNNING);
  });

  test('launch --attach passes input and output through and ends with the exit code', async () => {
    withZones();
    daemon.exitCode = 3;
    const args = ['workload', 'launch', '-z', 'web', '-a', 'oci:/busybox', '--', 'cat', '-a'];
    expect(await runProtect(daemon, args, { input: 'typed\n' })).toEqual({
      exitCode: 3,
      stdout: 'hello\ntyped\n',
      stderr: 'warning\n',
    });
    expect(daemon.created.workloads[0]?.spec?.process).toMatchObject({ command: ['cat', '-a'], stdin: true });
  });

  test('attach is left with Ctrl-] on a terminal, and the workload goes on', async () => {
    addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
    daemon.console = async function* (requests) {
      for await (const { stdin } of requests) {
        daemon.input.push(Buffer.from(stdin).toString());
        yield { stdout: stdin };
      }
    };
    const { exitCode } = await runProtect(daemon, ['workload', 'attach', 'hello'], {
      input: 'abc\x1dnever',
      terminal: { rows: 24, columns: 80 },
    });
    expect(exitCode).toBe(0);
    expect(daemon.input.join('')).toBe('abc');
  });

  test('logs prints what there is of a workload that runs on, and returns', async () => {
    addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
    let ended = () => {};
    daemon.console = async function* () {
      yield { stdout: Buffer.from('first\n') };
      await new Promise<void>((resolve) => {
        ended = resolve;
      });
    };
    const { stdout, exitCode } = await runProtect(daemon, ['workload', 'logs', 'hello']);
    ended();
    expect({ stdout, exitCode }).toEqual({ stdout: 'first\n', exitCode: 0 });
  });

  test('logs waits for all of a history that comes slowly from a daemon that ends with it', async () => {
    addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
    daemon.endsWithHistory = true;
    daemon.console = async function* () {
      yield { stdout: Buffer.from('first\n') };
      await delay(500);
      yield { stdout: Buffer.from('second\n') };
    };
    expect((await runProtect(daemon, ['workload', 'logs', 'hello'])).stdout).toBe('first\nsecond\n');
    expect((await runProtect(daemon, ['workload', 'logs', '-f', 'hello'])).stdout).toBe('first\nsecond\n');
  });

  test('list shows the zone by name', async () => {
    withZones();
    addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
    const { stdout } = await runProtect(daemon, ['workload', 'list']);
    expect(stdout).toContain(`│ hello ┆ ${workloadId} ┆ web  ┆ running │`);
    expect((await runProtect(daemon, ['workload', 'list', '-o', 'simple'])).stdout).toBe(
      `${workloadId}\trunning\thello\t${zoneId}\n`,
    );
  });

  test('stop, start and destroy take names', async () => {
    addWorkload(daemon, { id: workloadId, name: 'hello', state: WorkloadState.RUNNING });
    await runProtect(daemon, ['workload', 'stop', '-t', '1', 'hello']);
    expect(daemon.workloads.get(workloadId)?.status?.state).toBe(WorkloadState.COMPLETED);
    await runProtect(daemon, ['workload', 'start', 'hello']);
    expect(daemon.workloads.get(workloadId)?.status?.state).toBe(WorkloadState.RUNNING);
    await runProtect(daemon, ['workload', 'destroy', '--wait', 'hello']);
    expect(daemon.destroyed).toEqual([workloadId]);
  });
});
