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

describe('zone list', () => {
  test('prints a table', async () => {
    withZones();
    expect(await runProtect(daemon, ['zone', 'list'])).toEqual({
      exitCode: 0,
      stderr: '',
      stdout: [
        '┌──────┬──────────────────────────────────────┬────────┬──────────────┬───────────────────────┐',
        '│ name ┆ uuid                                 ┆ state  ┆ ipv4         ┆ ipv6                  │',
        '╞══════╪══════════════════════════════════════╪════════╪══════════════╪═══════════════════════╡',
        '│ web  ┆ 6f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f ┆ ready  ┆ 10.75.0.5/32 ┆ fdd4:1476:6c7e::5/128 │',
        '│ old  ┆ 7f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f ┆ failed ┆              ┆                       │',
        '└──────┴──────────────────────────────────────┴────────┴──────────────┴───────────────────────┘',
        '',
      ].join('\n'),
    });
  });

  test('shows colours on a terminal only, and not against NO_COLOR', async () => {
    withZones();
    const terminal = { rows: 24, columns: 80 };
    expect((await runProtect(daemon, ['zone', 'list'], { terminal })).stdout).toContain('\x1b[31mfailed');
    const plain = await runProtect(daemon, ['zone', 'list'], { terminal, env: { NO_COLOR: '1' } });
    expect(plain.stdout).not.toContain('\x1b');
  });

  test('says so when there are none, in a table only', async () => {
    expect((await runProtect(daemon, ['zone', 'list'])).stdout).toBe('no zones have been launched\n');
    expect((await runProtect(daemon, ['zone', 'list', '-o', 'json'])).stdout).toBe('[]\n');
    expect((await runProtect(daemon, ['zone', 'list', '-o', 'simple'])).stdout).toBe('');
  });

  test.each([
    ['simple', `${zoneId}\tready\tweb\t10.75.0.5/32\tfdd4:1476:6c7e::5/128\n`],
    ['jsonl', expect.stringMatching(/^\{"id":"6f2a.*"state":"ZONE_STATE_READY".*"networkStatus".*\}\n$/)],
    ['json-pretty', expect.stringMatching(/^\[\n {2}\{\n {4}"id": "6f2a/)],
    ['yaml', expect.stringMatching(/^- id: 6f2a8f1e[^\n]*\n {2}spec:\n {4}name: web\n/)],
    [
      'key-value',
      `id="${zoneId}" spec.name="web" status.state="ZONE_STATE_READY" ` +
        'status.networkStatus.interfaces.0.zoneInterface="eth0" ' +
        'status.networkStatus.interfaces.0.ips.0.version="ZONE_NETWORK_IP_VERSION_V4" ' +
        'status.networkStatus.interfaces.0.ips.0.address="10.75.0.5/32" ' +
        'status.networkStatus.interfaces.0.ips.1.version="ZONE_NETWORK_IP_VERSION_V6" ' +
        'status.networkStatus.interfaces.0.ips.1.address="fdd4:1476:6c7e::5/128"\n',
    ],
  ])('prints one zone as %s', async (format, expected) => {
    withZones();
    const { stdout } = await runProtect(daemon, [
      'zone',
      'list',
      '-f',
      format,
      '--selector',
      'spec.name=web',
    ]);
    expect(stdout).toEqual(expected);
  });

  test('refuses an unknown format and an unknown selector as mistakes in usage', async () => {
    const format = await runProtect(daemon, ['zone', 'list', '-o', 'xml']);
    expect(format).toMatchObject({ exitCode: 2, stdout: '' });
    expect(format.stderr).toMatch(
      /^error: .*'xml' is invalid\. Allowed choices are table, json.*; see protect zone list --help\n$/,
    );
    const selector = await runProtect(daemon, ['zone', 'list', '--selector', 'stat=x']);
    expect(selector).toMatchObject({ exitCode: 2 });
    expect(selector.stderr).toMatch(/^error: zone list: --selector stat=x: .*did you mean status\?\n$/);
  });
});

describe('zone launch', () => {
  test('prints the UUID and asks for nothing but what was said', async () => {
    const { stdout, exitCode } = await runProtect(daemon, [
      'zone',
      'launch',
      '-n',
      'web',
      '-C',
      '2',
      '-M',
      '256',
    ]);
    expect({ stdout, exitCode }).toEqual({ stdout: `${zoneId}\n`, exitCode: 0 });
    const spec = daemon.created.zones[0]?.spec;
    expect(spec).toMatchObject({
      name: 'web',
      initialResources: { maxCpus: 2, maxMemory: 256n, minCpus: 0 },
    });
    expect(spec?.scratchDisk).toBeUndefined();
    expect(daemon.pulled).toEqual([]);
  });

  test('pulls a kernel of its own as tar', async () => {
    await runProtect(daemon, ['zone', 'launch', '-k', 'oci:/kernel', '--create-scratch-disk', '512']);
    expect(daemon.pulled).toEqual(['oci:/kernel OCI_IMAGE_FORMAT_TAR']);
    expect(daemon.created.zones[0]?.spec?.scratchDisk?.backend).toMatchObject({
      case: 'image',
      value: { size: 512n },
    });
  });

  test('waits until the zone is ready', async () => {
    daemon.zoneStates = [ZoneState.CREATING, ZoneState.CREATED, ZoneState.READY];
    const { exitCode } = await runProtect(daemon, ['zone', 'launch', '--wait']);
    expect(exitCode).toBe(0);
    expect(daemon.zones.get(zoneId)?.status?.state).toBe(ZoneState.READY);
  });

  test('fails with the reason of a zone that cannot become ready', async () => {
    daemon.zoneStates = [ZoneState.FAILED];
    const { exitCode, stderr, stdout } = await runProtect(daemon, ['zone', 'launch', '-W']);
    expect(exitCode).toBe(1);
    expect(stdout).toBe(`${zoneId}\n`);
    expect(stderr).toMatch(/^error: zone launch: zone 6f2a\S+ failed: no reason is known; see its log .*\n$/);
  });

  test.each([
    ['--max-cpus', '0'],
    ['-m', 'lots'],
    ['--virt-backend', 'kvm'],
  ])('refuses %s %s', async (option, value) => {
    const { exitCode, stderr } = await runProtect(daemon, ['zone', 'launch', option, value]);
    expect(exitCode).toBe(2);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(daemon.created.zones).toEqual([]);
  });
});

describe('zone destroy', () => {
  test('ends the one that a name means, or all that match', async () => {
    withZones();
    addZone(daemon, { id: '8f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f', name: 'web', state: ZoneState.FAILED });
    expect((await runProtect(daemon, ['zone', 'destroy', '--wait', 'old'])).exitCode).toBe(0);
    const several = await runProtect(daemon, ['zone', 'destroy', '--selector', 'spec.name=web']);
    expect(several).toMatchObject({
      exitCode: 1,
      stderr: 'error: zone destroy: 2 zones match; add --all to destroy every one\n',
    });
    await runProtect(daemon, ['zone', 'destroy', '--all', 'web']);
    expect(daemon.destroyed).toHaveLength(3);
    expect(daemon.zones.size).toBe(0);
  });

  test('names what does not exist, and refuses to guess', async () => {
    expect(await runProtect(daemon, ['zone', 'destroy', 'nobody'])).toMatchObject({
      exitCode: 1,
      stderr: 'error: zone destroy: there is no zone named "nobody" (not_found)\n',
    });
    expect((await runProtect(daemon, ['zone', 'destroy'])).exitCode).toBe(2);
  });
});

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

describe('others', () => {
  test('zone logs prints the history; zone resolve the UUID, or exits with 1', async () => {
    withZones();
    expect((await runProtect(daemon, ['zone', 'logs', 'web'])).stdout).toBe('[    0.000000] Linux version\n');
    expect((await runProtect(daemon, ['zone', 'resolve', 'web'])).stdout).toBe(`${zoneId}\n`);
    expect(await runProtect(daemon, ['zone', 'resolve', 'nobody'])).toMatchObject({
      exitCode: 1,
      stdout: '',
    });
  });

  test('zone watch marks each event with its type, and leaves workloads out', async () => {
    withZones();
    const { stdout } = await runProtect(daemon, ['zone', 'watch', '-o', 'json']);
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ 'event.type': 'zone.changed', zone: { id: zoneId } });
  });

  test('image pull prints the digest alone, image list what is packed', async () => {
    const pulled = await runProtect(daemon, ['image', 'pull', 'alpine', '-s', 'erofs']);
    expect(pulled).toEqual({ exitCode: 0, stdout: `sha256:${'ab'.repeat(32)}\n`, stderr: '' });
    expect(daemon.pulled).toEqual(['alpine OCI_IMAGE_FORMAT_EROFS']);
    const { stdout } = await runProtect(daemon, ['image', 'list', '-o', 'simple']);
    expect(stdout).toBe('sha256:ab\tsquashfs\toci:/images/busybox:latest\n');
  });

  test('host status names what is known', async () => {
    const { stdout } = await runProtect(daemon, ['host', 'status']);
    expect(stdout).toBe(
      [
        'Host UUID: b5c1d9a0-2222-4222-8222-222222222222',
        'Host Domain: 0',
        'Protect Version: 0.1.0',
        'Host IPv4: 10.75.0.1/16',
        'Host IPv6: fdd4:1476:6c7e::1/48',
        'Host Ethernet Address: 02:00:00:00:00:01',
        '',
      ].join('\n'),
    );
  });

  test('what the daemon does not offer is said in one line', async () => {
    const { exitCode, stderr } = await runProtect(daemon, ['host', 'idm-snoop']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^error: host idm-snoop: .*\n$/);
  });

  test('help and version need no daemon; an unknown command is a mistake in usage', async () => {
    expect(await runProtect(daemon, ['--version'])).toEqual({ exitCode: 0, stdout: '0.1.0\n', stderr: '' });
    const help = await runProtect(daemon, ['zone', '--help']);
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toContain('launch');
    expect(await runProtect(daemon, ['zone', 'lanch'])).toMatchObject({
      exitCode: 2,
      stderr: "error: unknown command 'lanch' (Did you mean launch?); see protect zone --help\n",
    });
    expect((await runProtect(daemon, ['zone', 'help', 'launch'])).stdout).toContain('--max-memory');
  });
});
