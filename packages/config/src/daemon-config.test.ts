import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigurationError } from './configuration-error.ts';
import { loadDaemonConfig, parseDaemonConfig } from './daemon-config.ts';
import { daemonToml } from './daemon-schema.ts';
import { formatDaemonToml } from './format-daemon-toml.ts';

const defaultDaemonToml = formatDaemonToml(daemonToml.parse({}));
let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-config-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('an empty file and the written default mean the same configuration', () => {
  const config = parseDaemonConfig('', 'daemon.toml');
  expect(parseDaemonConfig(defaultDaemonToml, 'daemon.toml')).toEqual(config);
  expect(config).toEqual({
    oci: { dockerHubMirror: 'index.docker.io' },
    zone: { cacheDefaultKernel: true, cacheDefaultInitrd: true, memoryLimitMib: 1024, kernelVariants: {} },
    network: {
      nameservers: ['1.1.1.1', '1.0.0.1', '2606:4700:4700::1111', '2606:4700:4700::1001'],
      ipv4: { subnet: '10.75.0.0/16' },
      ipv6: { subnet: 'fdd4:1476:6c7e::/48' },
    },
    pci: { devices: {} },
    block: { devices: {} },
    runtime: {
      hypervisor: 'auto',
      dockerConfigPath: '/root/.docker/config.json',
      listen: { group: undefined, tcp: undefined },
      natsUrl: undefined,
      limits: {
        zones: 4096,
        workloads: 4096,
        workloadsPerZone: 256,
        connections: 1024,
        streams: 1024,
        streamsPerCaller: 512,
        messageKib: 4096,
        workloadLogMib: 256,
        consoleLogMib: 4,
      },
      registries: {},
    },
  });
});

test('the commented examples of the written default are valid when uncommented', () => {
  const uncommented = defaultDaemonToml.replaceAll(/^#(?=\S)/gm, '');
  const config = parseDaemonConfig(uncommented, 'daemon.toml');
  expect(config.pci.devices.gpu0?.locations).toEqual(['0000:01:00.0']);
  expect(config.block.devices.scratch0?.path).toBe('/dev/nvme0n1');
  expect(Object.keys(config.zone.kernelVariants)).toEqual(['nvidia']);
  expect(config.runtime.listen.tcp?.certPath).toBe('/etc/protect/tls/daemon.pem');
});

test('the first start writes the commented default once, readable by the group, and keeps an edited file', async () => {
  const path = join(folder, 'state', 'daemon.toml');
  await loadDaemonConfig(path, { writeDefault: true });
  expect(await readFile(path, 'utf8')).toBe(defaultDaemonToml);
  expect((await stat(path)).mode & 0o777).toBe(0o640);
  await writeFile(path, '[zone]\nmemory-limit-mb = 512\n');
  const both = await Promise.all([1, 2].map(() => loadDaemonConfig(path, { writeDefault: true })));
  expect(both.map((config) => config.zone.memoryLimitMib)).toEqual([512, 512]);
  expect(await readdir(join(folder, 'state'))).toEqual(['daemon.toml']);
});

test('simultaneous first starts agree on one file', async () => {
  const path = join(folder, 'daemon.toml');
  await Promise.all(Array.from({ length: 8 }, () => loadDaemonConfig(path, { writeDefault: true })));
  expect(await readdir(folder)).toEqual(['daemon.toml']);
});

test('every key of the written default is explained on the line above it', () => {
  const lines = defaultDaemonToml.split('\n');
  const settings = lines.flatMap((line, index) => (/^#?[a-z-]+ = /.test(line) ? [index] : []));
  expect(settings.length).toBeGreaterThan(25);
  for (const index of settings) expect(`${lines[index - 1]}\n${lines[index]}`).toMatch(/^(# |#?\[)/);
});

test('what the host lacks is reported together with what is wrong in the text', async () => {
  const path = join(folder, 'daemon.toml');
  await writeFile(path, '[zone]\nmemory-limit-mb = 1\n[block.devices.a]\npath = "/dev/none-such"\n');
  const host = { root: '/', addresses: () => [] };
  const error = await loadDaemonConfig(path, { host }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(String(error)).toMatch(/:2: zone\.memory-limit-mb = 1: .*\n.*:4: block\.devices\.a\.path/);
});

test('a missing file, a folder and bytes that are no text are configuration errors', async () => {
  await expect(loadDaemonConfig(join(folder, 'none.toml'))).rejects.toThrow(/there is no such file; start/);
  await expect(loadDaemonConfig(folder)).rejects.toThrow(ConfigurationError);
  const path = join(folder, 'binary.toml');
  await writeFile(path, Buffer.from([0xff, 0xfe]));
  await chmod(path, 0o600);
  await expect(loadDaemonConfig(path)).rejects.toThrow(/it is not UTF-8 text/);
});
