import { ZoneState } from '@protect/proto/control-common';
import { beforeEach, describe, expect, test } from 'vitest';
import { addZone, createFakeDaemon, type FakeDaemon, zoneId } from './fake-daemon.ts';
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

  test('has the daemon read its default images anew when the cache is to be overwritten', async () => {
    await runProtect(daemon, ['zone', 'launch']);
    expect(daemon.imagesAnew).toEqual([]);
    await runProtect(daemon, ['zone', 'launch', '--pull-overwrite-cache']);
    expect(daemon.imagesAnew).toEqual([zoneId]);
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
