import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { parseWorkloadId, parseZoneId } from '@protect/config/ids';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registryUser, startRegistry } from '../../packages/oci/test/registry-process.ts';
import { createTestAuthority } from '../../packages/service/src/testing/certificates.ts';
import { destroyZone, execute, launchWorkload, launchZone, workloadEnd } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

const diskMib = 256;

let stack: TestStack;
let image: string;
let privateImage: string;
const held = new AsyncDisposableStack();

beforeAll(async () => {
  image = await busyboxImage();
  const registry = held.use(await startRegistry());
  const insecure = '--dest-tls-verify=false';
  await execa('skopeo', ['copy', insecure, image, `docker://${registry.host}/library/busybox:latest`]);
  const authority = held.use(await createTestAuthority('Registries'));
  const { username, password, htpasswd } = registryUser;
  const guarded = held.use(await startRegistry({ tls: await authority.issue('registry'), htpasswd }));
  privateImage = `${guarded.host}/team/busybox:v1`;
  const login = `--dest-creds=${username}:${password}`;
  await execa('skopeo', ['copy', insecure, login, image, `docker://${privateImage}`]);
  const folder = held.adopt(await mkdtemp(join(tmpdir(), 'protect-disk-')), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  await writeFile(join(folder, 'disk'), '');
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  const logins = JSON.stringify({ auths: { [guarded.host]: { auth } } });
  await writeFile(join(folder, 'logins.json'), logins, { mode: 0o600 });
  await truncate(join(folder, 'disk'), diskMib * 1024 * 1024);
  const { stdout: device } = await execa('losetup', ['--find', '--show', join(folder, 'disk')]);
  held.defer(async () => void (await execa('losetup', ['--detach', device])));
  const [location = '0000:00:00.0'] = await readdir('/sys/bus/pci/devices').catch(() => []);
  stack = held.use(
    await startStack({
      daemonToml: `
[oci]
docker-hub-mirror = "${registry.host}"
[zone]
cache-default-kernel = false
memory_limit_mb = 160
[network]
nameservers = ["10.9.8.7", "fd00::53"]
[network.ipv4]
subnet = "10.201.7.0/24"
[network.ipv6]
subnet = "fd77:1:2:3::/64"
[pci.devices.gpu0]
locations = ["${location}"]
[block.devices.scratch0]
path = "${device}"
[runtime]
docker-config = "${join(folder, 'logins.json')}"
[runtime.registries."${guarded.host}"]
ca-file = "${authority.certFile}"
[runtime.limits]
zones = 1
workloads-per-zone = 1
workload-log-mib = 1
`,
    }),
  );
});

afterAll(async () => {
  await held.disposeAsync();
});

/** Inode of the default kernel as it was unpacked last. */
async function kernelFile(): Promise<number> {
  const folder = stack.paths.bootCache;
  const [kernel, ...others] = (await readdir(folder)).filter((name) => name.startsWith('kernel-'));
  expect(others).toEqual([]);
  return (await stat(join(folder, kernel ?? '', 'vmlinux'))).ino;
}

test('a zone that asks for nothing has the memory, the addresses and the resolvers of daemon.toml', async () => {
  const zone = await launchZone(stack.client);
  const inside = async (...command: readonly string[]) => {
    const { stdout } = await execute(stack.client, { workloadId }, command);
    return stdout;
  };
  const workloadId = await launchWorkload(stack.client, zone.id, image, ['sleep', '100000']);
  expect(zone.spec?.initialResources?.maxMemory).toBe(160n);
  const memoryKib = Number(/^MemTotal:\s+(\d+) kB/m.exec(await inside('cat', '/proc/meminfo'))?.[1]);
  expect(memoryKib).toBeLessThan(160 * 1024);
  expect(memoryKib).toBeGreaterThan(90 * 1024);
  const resolvers = [...(await inside('cat', '/etc/resolv.conf')).matchAll(/^nameserver (\S+)$/gm)];
  expect(resolvers.map(([, address]) => address)).toEqual(['10.9.8.7', 'fd00::53']);
  const addresses = await inside('ip', 'addr', 'show', 'dev', 'eth0');
  expect(addresses).toMatch(/inet 10\.201\.7\.\d+\//);
  expect(addresses).toMatch(/inet6 fd77:1:2:3::[0-9a-f]+\//);
  await destroyZone(stack.client, zone.id);
});

test('with cache-default-kernel = false each launch reads the kernel’s image anew', async () => {
  const before = await kernelFile();
  const zone = await launchZone(stack.client);
  expect(await kernelFile()).not.toBe(before);
  await destroyZone(stack.client, zone.id);
});

test('an image without a registry comes from docker-hub-mirror, under its name at Docker Hub', async () => {
  await stack.output('image', 'pull', 'busybox');
  const images = await stack.output('image', 'list', '-o', 'json');
  expect(images).toContain('docker.io/library/busybox:latest');
});

test('a registry with TLS and a password is pulled from with ca-file and docker-config, and no log tells them', async () => {
  await stack.output('image', 'pull', privateImage);
  const { password, username } = registryUser;
  const wrong = `${password}-not`;
  const refused = await stack.cliWith(
    { input: wrong },
    'image',
    'pull',
    '-u',
    '--username',
    username,
    privateImage,
  );
  expect(refused.exitCode).not.toBe(0);
  expect(refused.stderr).toMatch(/check the credentials/);
  const log = await readFile(stack.paths.log('daemon'), 'utf8');
  const encoded = [password, wrong].map((secret) => Buffer.from(`${username}:${secret}`).toString('base64'));
  for (const secret of [password, ...encoded]) {
    expect(log).not.toContain(secret);
    expect(refused.stderr).not.toContain(secret);
  }
});

test('a block device of daemon.toml is a scratch disk', async () => {
  const zoneId = await stack.output('zone', 'launch', '--wait', '--attach-scratch-disk', 'scratch0');
  const workloadId = await launchWorkload(stack.client, zoneId, image, ['sleep', '100000']);
  const { stdout } = await execute(stack.client, { workloadId }, ['df', '-m', '/']);
  const mib = Number(/^\S+\s+(\d+)/.exec(stdout.split('\n')[1] ?? '')?.[1]);
  expect(mib).toBeGreaterThan(diskMib * 0.8);
  expect(mib).toBeLessThanOrEqual(diskMib);
  await destroyZone(stack.client, zoneId);
});

test('[runtime.limits] bounds zones, workloads and the output that is kept', async () => {
  const zone = await launchZone(stack.client);
  const refusal = (call: Promise<unknown>) => call.then(() => undefined, ConnectError.from);
  expect(await refusal(stack.client.createZone({ spec: {} }))).toMatchObject({
    code: Code.ResourceExhausted,
    rawMessage: expect.stringContaining('raise zones of [runtime.limits]'),
  });
  const talk = ['sh', '-c', 'yes protect | head -c 3000000'];
  const workloadId = await launchWorkload(stack.client, zone.id, image, talk);
  expect(await refusal(launchWorkload(stack.client, zone.id, image, ['true']))).toMatchObject({
    code: Code.ResourceExhausted,
    rawMessage: expect.stringContaining('raise workloads-per-zone of [runtime.limits]'),
  });
  expect(await workloadEnd(stack.client, workloadId)).toBe(0);
  const [zoneId, id] = [parseZoneId(zone.id), parseWorkloadId(workloadId)];
  if (zoneId === undefined || id === undefined) throw new Error('the daemon gives ids that are none');
  const folder = stack.paths.workloadOutput(zoneId, id);
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size),
  );
  const kept = sizes.reduce((sum, size) => sum + size, 0);
  // One segment of sixteen is being filled, and each may be a record too large.
  expect(kept).toBeLessThan(1.5 * 1024 * 1024);
  expect(kept).toBeGreaterThan(0.75 * 1024 * 1024);
  await destroyZone(stack.client, zone.id);
});

test('a PCI device of daemon.toml is listed; where it cannot be passed through, a zone with it is refused', async () => {
  const { devices } = await stack.client.listDevices({});
  expect(devices.map(({ name, claimed }) => ({ name, claimed }))).toEqual([{ name: 'gpu0', claimed: false }]);
  const refused = (name: string) =>
    stack.client
      .createZone({ spec: { devices: [{ name }] } })
      .then(() => undefined, ConnectError.from.bind(ConnectError));
  expect(await refused('gpu0')).toMatchObject({
    code: Code.FailedPrecondition,
    rawMessage: expect.stringContaining('needs a host that runs Xen'),
  });
  expect(await refused('gpu1')).toMatchObject({ code: Code.NotFound });
});

test('protect host config check and protect doctor find all in order', async () => {
  expect(await stack.output('host', 'config', 'check')).toMatch(/: valid$/);
  const { stdout, exitCode } = await stack.cli('doctor', '-o', 'json');
  const findings: { name: string; status: string }[] = JSON.parse(stdout);
  expect(findings.filter(({ status }) => status === 'failed')).toEqual([]);
  expect(exitCode).toBe(0);
  const services = findings.filter(({ name }) => /^protect-|^NATS|\.socket$|^credentials/.test(name));
  expect(services.map(({ name, status }) => `${status} ${name}`)).toEqual([
    'ok NATS',
    'ok protect-daemon',
    'ok protect-storage',
    'ok protect-network',
    'ok protect-orchestrator',
    'ok protect-cri',
    'ok daemon.socket',
    expect.stringContaining('cri.socket'),
    'ok credentials',
  ]);
});
