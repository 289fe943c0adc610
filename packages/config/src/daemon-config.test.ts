import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigurationError } from './configuration-error.ts';
import { loadDaemonConfig, parseDaemonConfig } from './daemon-config.ts';
import { defaultDaemonToml } from './daemon-toml-default.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-config-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function problemsOf(text: string): readonly string[] {
  try {
    parseDaemonConfig(text, 'daemon.toml');
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  return [];
}

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
  });
});

test('the commented examples of the written default are valid when uncommented', () => {
  const uncommented = defaultDaemonToml.replaceAll(/^# (?=\[|[a-z-]+ = )/gm, '');
  const config = parseDaemonConfig(uncommented, 'daemon.toml');
  expect(config.pci.devices.gpu0?.locations).toEqual(['0000:01:00.0']);
  expect(config.block.devices.scratch0?.path).toBe('/dev/nvme0n1');
  expect(Object.keys(config.zone.kernelVariants)).toEqual(['nvidia']);
});

test('PCI devices take kebab-case and snake_case keys, but not one key both ways', () => {
  const device = (keys: string) => `[pci.devices.nic0]\nlocations = ["0000:AF:00.1"]\n${keys}`;
  const config = parseDaemonConfig(
    device(
      'msi_translate = true\nrdm-reserve-policy = "relaxed"\n[pci.devices.nic0.module_parameters]\nixgbe = ["max_vfs=8"]',
    ),
    'daemon.toml',
  );
  expect(config.pci.devices.nic0).toEqual({
    locations: ['0000:af:00.1'],
    permissive: false,
    msiTranslate: true,
    powerManagement: false,
    rdmReservePolicy: 'relaxed',
    modules: [],
    moduleParameters: { ixgbe: ['max_vfs=8'] },
  });
  expect(problemsOf(device('msi_translate = true\nmsi-translate = true'))).toEqual([
    'daemon.toml:4: pci.devices.nic0.msi-translate: is set twice; keep msi-translate only',
  ]);
});

test('all problems are reported at once, each with file, line, key and remedy', () => {
  expect(
    problemsOf(
      [
        '[oci]',
        'docker-hub-miror = "a"',
        '[zone]',
        'memory-limit-mb = 16',
        'cache-default-kernel = "yes"',
        '[network]',
        'nameservers = [',
        '  "1.1.1.1",',
        '  "dns.example.com",',
        ']',
        '[network.ipv4]',
        'subnet = "10.75.1.0/16"',
        '[pci.devices.gpu0]',
        'rdm-reserve-policy = "loose"',
        '[block.devices.scratch0]',
        'path = "sdb"',
      ].join('\n'),
    ).toSorted(),
  ).toEqual(
    [
      'daemon.toml:2: oci.docker-hub-miror: unknown key; did you mean docker-hub-mirror?',
      'daemon.toml:4: zone.memory-limit-mb: 16 must be at least 64 (MiB)',
      'daemon.toml:5: zone.cache-default-kernel: must be true or false, not "yes"',
      'daemon.toml:7: network.nameservers[1]: "dns.example.com" must be an IPv4 or IPv6 address such as "1.1.1.1"',
      `daemon.toml:12: network.ipv4.subnet: "10.75.1.0/16" must be the subnet's own address: the bits after /16 have to be zero`,
      'daemon.toml:13: pci.devices.gpu0.locations: is missing from this table; it must be set',
      'daemon.toml:14: pci.devices.gpu0.rdm-reserve-policy: must be "strict" or "relaxed", not "loose"',
      'daemon.toml:16: block.devices.scratch0.path: "sdb" must be the absolute path of a block device such as "/dev/nvme0n1"',
    ].toSorted(),
  );
});

test('a device that two entries claim is refused', () => {
  const text = '[pci.devices.a]\nlocations = ["0000:01:00.0"]\n[pci.devices.b]\nlocations = ["0000:01:00.0"]';
  expect(problemsOf(text)).toEqual([
    'daemon.toml:4: pci.devices.b.locations: 0000:01:00.0 belongs to a already; list it in one device only',
  ]);
});

test('broken TOML names line and column, and keys that reach into objects are refused', () => {
  expect(problemsOf('[zone]\nmemory-limit-mb =')[0]).toMatch(/^daemon\.toml:2:\d+: not valid TOML: /);
  expect(problemsOf('[zone]\n[__proto__]\nx = 1')[0]).toMatch(/^daemon\.toml:\d+:\d+: not valid TOML: /);
});

test('no text makes anything but a configuration or a ConfigurationError', () => {
  const line = fc.constantFrom(
    '[zone]',
    '[network.ipv4]',
    '[pci.devices.x]',
    'subnet = "::/0"',
    'subnet = "fdd4::1%eth0/64"',
    'locations = 3',
    'pci = []',
    'x = { y = [1, "#"] }',
    'constructor = 1',
    'memory-limit-mb = 1e99',
    'memory-limit-mb = 9007199254740991',
    'path = 1979-05-27T07:32:00Z',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(line).map((lines) => lines.join('\n')),
      ),
      (text) => {
        for (const problem of problemsOf(text)) expect(problem.startsWith('daemon.toml')).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

test('a subnet is accepted exactly when its host bits are zero', () => {
  fc.assert(
    fc.property(fc.nat(0xff_ff_ff_ff), fc.integer({ min: 8, max: 29 }), (address, prefix) => {
      const text = [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
      const zero = address % 2 ** (32 - prefix) === 0;
      expect(problemsOf(`[network.ipv4]\nsubnet = "${text}/${prefix}"`).length === 0).toBe(zero);
    }),
  );
  expect(problemsOf('[network.ipv6]\nsubnet = "fd00::ffff:0:0/96"')).toEqual([]);
  expect(problemsOf('[network.ipv6]\nsubnet = "fd00::1/64"')).toHaveLength(1);
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

test('a missing file, a folder and bytes that are no text are configuration errors', async () => {
  await expect(loadDaemonConfig(join(folder, 'none.toml'))).rejects.toThrow(/there is no such file; start/);
  await expect(loadDaemonConfig(folder)).rejects.toThrow(ConfigurationError);
  const path = join(folder, 'binary.toml');
  await writeFile(path, Buffer.from([0xff, 0xfe]));
  await chmod(path, 0o600);
  await expect(loadDaemonConfig(path)).rejects.toThrow(/it is not UTF-8 text/);
});
