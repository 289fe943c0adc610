import { expect, test } from 'vitest';
import { formatProblem } from './configuration-error.ts';
import { readDaemonToml } from './read-daemon-toml.ts';

function problemsOf(...lines: readonly string[]): string[] {
  return readDaemonToml(lines.join('\n'), 'daemon.toml').problems.map(formatProblem);
}

test('all problems are reported at once, each with file, line, key, value and what is allowed', () => {
  expect(
    problemsOf(
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
      '[pci.devices.nic0]',
      'locations = ["01:00.0", "0000:02:00.0", "0000:02:00.0"]',
      '[pci.devices.nic1]',
      'locations = ["0000:02:00.0"]',
      'modules = "ixgbe"',
      '[block.devices.scratch0]',
      'path = "sdb"',
      '[runtime]',
      'hypervisor = "kvm"',
      '[runtime.limits]',
      'zones = 0',
    ),
  ).toEqual([
    'daemon.toml:2: oci.docker-hub-miror = "a": unknown key; did you mean docker-hub-mirror?',
    'daemon.toml:4: zone.memory-limit-mb = 16: must be a whole number from 64 to 16777216 (MiB)',
    'daemon.toml:5: zone.cache-default-kernel = "yes": must be true or false',
    'daemon.toml:9: network.nameservers[1] = "dns.example.com": must be an IPv4 or IPv6 address such as "1.1.1.1"',
    `daemon.toml:12: network.ipv4.subnet = "10.75.1.0/16": has bits set after /16; write the range's first address`,
    'daemon.toml:13: pci.devices.gpu0.locations: is missing; it must be an array of 1 to 64 PCI addresses such as ["0000:01:00.0"]',
    'daemon.toml:14: pci.devices.gpu0.rdm-reserve-policy = "loose": must be "strict" or "relaxed"',
    'daemon.toml:16: pci.devices.nic0.locations[0] = "01:00.0": must be domain:bus:device.function in hexadecimal digits, such as "0000:01:00.0"',
    'daemon.toml:16: pci.devices.nic0.locations[2] = "0000:02:00.0": belongs to nic0 already; an address may be listed once, in one device',
    'daemon.toml:18: pci.devices.nic1.locations[0] = "0000:02:00.0": belongs to nic0 already; an address may be listed once, in one device',
    'daemon.toml:19: pci.devices.nic1.modules = "ixgbe": must be an array of up to 64 names of kernel modules such as ["nvme"]',
    'daemon.toml:21: block.devices.scratch0.path = "sdb": must be the absolute path of a block device such as "/dev/nvme0n1"',
    'daemon.toml:23: runtime.hypervisor = "kvm": must be "auto", "xen" or "qemu"',
    'daemon.toml:25: runtime.limits.zones = 0: must be a whole number from 1 to 4096 (zones)',
  ]);
});

test.each([
  ['"10.75.0.0/30"', 'is too small for zones; its prefix length may be up to 29'],
  ['"10.0.0.0/7"', 'is too large; its prefix length has to be 8 or more'],
  ['"127.1.0.0/16"', 'overlaps 127.0.0.0/8, which is for loopback; choose a private range'],
  ['"169.254.0.0/16"', 'overlaps 169.254.0.0/16, which is for link-local addresses; choose a private range'],
  ['"10.75.0.0"', 'must be an IPv4 subnet such as "10.75.0.0/16", with a prefix length from 8 to 29'],
  ['"fd00::/64"', 'must be an IPv4 subnet such as "10.75.0.0/16", with a prefix length from 8 to 29'],
  ['16', 'must be an IPv4 subnet such as "10.75.0.0/16", with a prefix length from 8 to 29'],
])('the IPv4 subnet %s is refused', (value, message) => {
  expect(problemsOf('[network.ipv4]', `subnet = ${value}`)).toEqual([
    `daemon.toml:2: network.ipv4.subnet = ${value}: ${message}`,
  ]);
});

test.each([
  ['[network]', 'nameservers = ["127.0.0.53"]', /reaches the host itself/],
  ['[network]', 'nameservers = ["fe80::1%eth0"]', /must be an IPv4 or IPv6 address/],
  ['[block.devices.a]', 'path = "/dev/../etc/passwd"', /has a "\.\." in it/],
  [
    '[block.devices."a b"]',
    'path = "/dev/sdb"',
    /has a name that cannot be used; it must be a name of up to 63/,
  ],
  ['[oci]', 'docker-hub-mirror = "https://mirror.example.com"', /without scheme and path$/],
  ['[oci]', 'docker-hub-mirror = "mirror.example.com:65536"', /must be a registry host/],
  ['[zone.kernel-variants]', 'nvidia = "two words"', /must be an OCI image reference/],
  ['[zone]', 'memory-limit-mb = 1024.5', /must be a whole number/],
  ['[zone]', 'memory-limit-mb = 1979-05-27T07:32:00Z', /= 1979-05-27T07:32:00.000Z: must be a whole number/],
  ['[runtime.listen]', 'group = ""', /must be the name or number of a group/],
  ['[runtime.listen.tcp]', 'address = "localhost:4353"', /must be an IP address with a port/],
  ['[runtime.nats]', 'url = "nats://user:secret@host"', /without user/],
  ['[pci]', 'devices = []', /pci\.devices = \[\]: must be a table/],
  ['[zone]', 'kernel-variants = 3', /zone\.kernel-variants = 3: must be a table/],
])('%s %s is refused', (table, setting, message) => {
  expect(problemsOf(table, setting).join('\n')).toMatch(message);
});

test('keys may be written with underscores everywhere, but not both ways at once', () => {
  const text = [
    '[zone]',
    'memory_limit_mb = 512',
    '[zone.kernel_variants]',
    'my_kernel = "example.com/kernel"',
    '[pci.devices.my_nic]',
    'locations = ["0000:AF:00.1"]',
    'msi_translate = true',
    '[pci.devices.my_nic.module_parameters]',
    'nvme_core = ["multipath=N"]',
  ];
  const { toml } = readDaemonToml(text.join('\n'), 'daemon.toml');
  expect(toml?.zone).toMatchObject({
    'memory-limit-mb': 512,
    'kernel-variants': { my_kernel: 'example.com/kernel' },
  });
  expect(toml?.pci.devices.my_nic).toMatchObject({
    locations: ['0000:af:00.1'],
    'msi-translate': true,
    'module-parameters': { nvme_core: ['multipath=N'] },
  });
  expect(problemsOf('[zone]', 'memory-limit-mb = 512', 'memory_limit_mb = 16')).toEqual([
    'daemon.toml:3: zone.memory_limit_mb: is set twice, as memory-limit-mb and with underscores; keep one of the two',
  ]);
});

test('unknown keys are told apart from misspelt ones', () => {
  expect(problemsOf('[network.ipv4]', 'sbnet = "10.0.0.0/8"', 'mtu = 9000')).toEqual([
    'daemon.toml:2: network.ipv4.sbnet = "10.0.0.0/8": unknown key; did you mean subnet?',
    'daemon.toml:3: network.ipv4.mtu = 9000: unknown key; known keys here: subnet',
  ]);
  expect(problemsOf('[zones]', 'x = 1')).toEqual([
    'daemon.toml:1: zones = a table: unknown key; did you mean zone?',
  ]);
});

test('broken TOML names line and column', () => {
  expect(problemsOf('[zone]', 'memory-limit-mb =')).toEqual([
    expect.stringMatching(/^daemon\.toml:2:\d+: not valid TOML: /),
  ]);
  expect(problemsOf('[zone]', '[__proto__]', 'x = 1')[0]).toMatch(/^daemon\.toml:\d+:\d+: not valid TOML: /);
  expect(problemsOf('[zone]', 'memory-limit-mb = 9999999999999999999')[0]).toMatch(/^daemon\.toml:2:\d+: /);
  expect(problemsOf(`x = ${'['.repeat(5_000)}`)[0]).toMatch(/^daemon\.toml:1:\d+: not valid TOML: /);
});

test('a block device has one name', () => {
  expect(
    problemsOf('[block.devices.a]', 'path = "/dev/sdb"', '[block.devices.b]', 'path = "/dev/sdb"'),
  ).toEqual([
    'daemon.toml:4: block.devices.b.path = "/dev/sdb": belongs to a already; a block device may be listed under one name',
  ]);
});

test('names of objects that JavaScript knows are names like others', () => {
  const { toml } = readDaemonToml('[block.devices.toString]\npath = "/dev/sdb"', 'daemon.toml');
  expect(Object.keys(toml?.block.devices ?? {})).toEqual(['toString']);
  expect(problemsOf('toString = 1', 'valueOf.x = 2').join('\n')).toMatch(/unknown key/);
});

test('registries are named by host, and their tables say nothing against each other', () => {
  expect(
    problemsOf(
      '[runtime.registries."https://registry.lan"]',
      '[runtime.registries."registry.lan:5000"]',
      'mirrors = ["mirror.lan", "registry.lan:5000"]',
      'plain-http = true',
      'ca-file = "/etc/ca.pem"',
      '[runtime.registries."docker.io"]',
      'mirrors = ["mirror.lan/team"]',
      'ca-file = "ca.pem"',
      '[runtime.registries."index.docker.io"]',
      'plainhttp = true',
    ),
  ).toEqual([
    'daemon.toml:1: runtime.registries."https://registry.lan" = a table: has a name that cannot be used; it must be a registry host such as "registry.example.com:5000", without scheme and path',
    'daemon.toml:3: runtime.registries."registry.lan:5000".mirrors[1] = "registry.lan:5000": is the registry itself; name another host',
    'daemon.toml:5: runtime.registries."registry.lan:5000".ca-file = "/etc/ca.pem": has no use with plain-http = true, which is without TLS; take one of the two out',
    'daemon.toml:7: runtime.registries."docker.io".mirrors[0] = "mirror.lan/team": must be a registry host such as "registry.example.com:5000", without scheme and path',
    'daemon.toml:8: runtime.registries."docker.io".ca-file = "ca.pem": must be the absolute path of a PEM file such as "/etc/protect/registry-ca.pem"',
    'daemon.toml:9: runtime.registries."index.docker.io" = a table: is the same registry as docker.io; keep one of the two',
    'daemon.toml:10: runtime.registries."index.docker.io".plainhttp = true: unknown key; did you mean plain-http?',
  ]);
});

test('the configuration of Docker is an absolute path or none', () => {
  expect(problemsOf('[runtime]', 'docker-config = "none"')).toEqual([]);
  expect(problemsOf('[runtime]', 'docker-config = "config.json"')).toEqual([
    'daemon.toml:2: runtime.docker-config = "config.json": must be "none" or the absolute path of a file such as "/root/.docker/config.json"',
  ]);
});
