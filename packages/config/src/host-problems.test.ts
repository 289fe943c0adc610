import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { formatProblem } from './configuration-error.ts';
import { type HostAddress, hostProblems, thisHost } from './host-problems.ts';
import { readDaemonToml } from './read-daemon-toml.ts';

let root = '';

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'protect-host-'));
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function put(path: string, text = ''): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}

async function problemsOf(
  lines: readonly string[],
  addresses: readonly HostAddress[] = [],
): Promise<string[]> {
  const reading = readDaemonToml(lines.join('\n'), 'daemon.toml');
  return (await hostProblems(reading, { root, addresses: () => addresses })).map(formatProblem);
}

test('a block device has to exist and be one', async () => {
  await put('/dev/file');
  expect(
    await problemsOf([
      '[block.devices.a]',
      'path = "/dev/none"',
      '[block.devices.b]',
      'path = "/dev/file"',
      '[block.devices.c]',
      'path = "relative"',
    ]),
  ).toEqual([
    'daemon.toml:2: block.devices.a.path = "/dev/none": does not exist on this host; attach the device or take the entry out',
    'daemon.toml:4: block.devices.b.path = "/dev/file": is no block device; it must be the path of one, such as "/dev/nvme0n1"',
  ]);
});

test('a PCI address has to be on the bus, where there is a bus to look at', async () => {
  const lines = ['[pci.devices.a]', 'locations = ["0000:01:00.0", "0000:02:00.0"]', 'permissive = 3'];
  expect(await problemsOf(lines)).toEqual([]);
  await put('/sys/bus/pci/devices/0000:01:00.0');
  expect(await problemsOf(lines)).toEqual([
    'daemon.toml:2: pci.devices.a.locations[1] = "0000:02:00.0": this host has no PCI device there; lspci -D shows those it has',
  ]);
});

test('xen has to be there when it is asked for', async () => {
  const lines = ['[runtime]', 'hypervisor = "xen"'];
  expect(await problemsOf(lines)).toEqual([
    'daemon.toml:2: runtime.hypervisor = "xen": this host is not the Dom0 of a Xen; it must be "auto" or "qemu" here',
  ]);
  await put('/proc/xen/capabilities', 'control_d\n');
  expect(await problemsOf(lines)).toEqual([]);
});

test('group and TLS files have to exist', async () => {
  await put('/etc/group', 'root:x:0:\nprotect:x:990:\n');
  await put('/etc/tls/cert.pem');
  await mkdir(join(root, 'etc/tls/ca'));
  const listen = (group: string) => ['[runtime.listen]', `group = "${group}"`];
  expect(await problemsOf(listen('protect'))).toEqual([]);
  expect(await problemsOf(listen('4711'))).toEqual([]);
  expect(
    await problemsOf([
      ...listen('nobody-knows'),
      '[runtime.listen.tcp]',
      'address = "0.0.0.0:4353"',
      'cert = "/etc/tls/cert.pem"',
      'key = "/etc/tls/cert.key"',
      'client-ca = "/etc/tls/ca"',
    ]),
  ).toEqual([
    'daemon.toml:2: runtime.listen.group = "nobody-knows": this host has no such group; make it with groupadd, or name another',
    'daemon.toml:6: runtime.listen.tcp.key = "/etc/tls/cert.key": does not exist on this host; it must be a PEM file',
    'daemon.toml:7: runtime.listen.tcp.client-ca = "/etc/tls/ca": is no file; it must be a PEM file',
  ]);
});

test('the certificates of a registry have to exist', async () => {
  expect(
    await problemsOf(['[runtime.registries."registry.lan"]', 'ca-file = "/etc/none.pem"', '[runtime]']),
  ).toEqual([
    'daemon.toml:2: runtime.registries."registry.lan".ca-file = "/etc/none.pem": does not exist on this host; it must be a PEM file',
  ]);
});

test('a configuration of Docker that is named has to exist and be private; the default need not', async () => {
  const lines = (path: string) => ['[runtime]', `docker-config = "${path}"`];
  expect(await problemsOf(lines('/root/.docker/config.json'))).toEqual([]);
  expect(await problemsOf(lines('none'))).toEqual([]);
  expect(await problemsOf(lines('/etc/none.json'))).toEqual([
    'daemon.toml:2: runtime.docker-config = "/etc/none.json": does not exist on this host; log in with docker, or take it out',
  ]);
  await put('/etc/docker.json', '{}');
  expect(await problemsOf(lines('/etc/docker.json'))).toEqual([
    'daemon.toml:2: runtime.docker-config = "/etc/docker.json": is for others to use too; chown it to root and chmod it to 600',
  ]);
  await chmod(join(root, 'etc/docker.json'), 0o600);
  expect(await problemsOf(lines('/etc/docker.json'))).toEqual([]);
});

test('a subnet must not hold an address of the host, but for those of its own links', async () => {
  const own = [
    { interface: 'lo', address: '127.0.0.1' },
    { interface: 'pz0123456789ab', address: '10.200.0.1' },
    { interface: 'eth0', address: 'fd00::17' },
  ];
  expect(await problemsOf(['[network.ipv4]', 'subnet = "10.200.0.0/16"'], own)).toEqual([]);
  expect(await problemsOf(['[network.ipv6]', 'subnet = "fd00::/64"'], own)).toEqual([
    'daemon.toml:2: network.ipv6.subnet = "fd00::/64": overlaps the network of eth0 (fd00::17); choose a range that the host has no address in',
  ]);
  expect(await problemsOf([], [{ interface: 'eth0', address: '10.75.3.4' }])).toEqual([
    'daemon.toml: network.ipv4.subnet: (the default, 10.75.0.0/16) overlaps the network of eth0 (10.75.3.4); choose a range that the host has no address in',
  ]);
});

test('the real host is asked for its own addresses, unless zones have a namespace of their own', async () => {
  expect(thisHost().addresses()).toContainEqual({ interface: 'lo', address: '127.0.0.1' });
  expect(thisHost({ netns: 'zones' }).addresses()).toEqual([]);
  const reading = readDaemonToml('[runtime.listen]\ngroup = "root"', 'daemon.toml');
  expect(await hostProblems(reading, { root: '/', addresses: () => [] })).toEqual([]);
});

test('symbolic links to devices are followed', async () => {
  await put('/dev/file');
  await mkdir(join(root, 'dev/disk'), { recursive: true });
  await symlink('../file', join(root, 'dev/disk/by-id'));
  expect(await problemsOf(['[block.devices.a]', 'path = "/dev/disk/by-id"'])).toEqual([
    expect.stringMatching(/is no block device/),
  ]);
});
