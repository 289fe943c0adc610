import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConfigurationError } from './configuration-error.ts';
import { parseDaemonConfig } from './daemon-config.ts';
import { type DaemonToml, daemonToml } from './daemon-schema.ts';
import { formatDaemonToml } from './format-daemon-toml.ts';
import { readDaemonToml } from './read-daemon-toml.ts';

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
const moduleName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,20}$/);
const path = fc.stringMatching(/^\/[a-z "'\\\u00e9]{1,20}$/);
const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`));
const location = fc
  .tuple(hex(4), hex(2), fc.nat(31), fc.nat(7))
  .map(([domain, bus, slot, part]) => `${domain}:${bus}:${slot.toString(16).padStart(2, '0')}.${part}`);

function named<T>(value: fc.Arbitrary<T>) {
  return fc.dictionary(name, value, { maxKeys: 3, noNullPrototype: true });
}

const pciDevice = fc.record({
  permissive: fc.boolean(),
  'msi-translate': fc.boolean(),
  'power-management': fc.boolean(),
  'rdm-reserve-policy': fc.constantFrom('strict' as const, 'relaxed' as const),
  modules: fc.array(moduleName, { maxLength: 3 }),
  'module-parameters': fc.dictionary(
    moduleName,
    fc.array(fc.stringMatching(/^[a-z0-9_="',]{1,20}$/), { maxLength: 3 }),
    { maxKeys: 3, noNullPrototype: true },
  ),
});

/** Addresses are shared out so that none is in two devices. */
const pciDevices = fc
  .tuple(
    fc.uniqueArray(fc.tuple(name, pciDevice), { maxLength: 3, selector: ([key]) => key }),
    fc.uniqueArray(location, { minLength: 6, maxLength: 6 }),
  )
  .map(([devices, locations]) =>
    Object.fromEntries(
      devices.map(([key, device], index) => [
        key,
        { locations: locations.slice(2 * index, 2 * index + 2), ...device },
      ]),
    ),
  );

const blockDevices = fc
  .tuple(fc.uniqueArray(name, { maxLength: 3 }), fc.uniqueArray(path, { minLength: 3, maxLength: 3 }))
  .map(([names, paths]) =>
    Object.fromEntries(names.map((key, index) => [key, { path: paths[index] ?? '/dev/x' }])),
  );

const mirrors = fc.array(fc.constantFrom('mirror.lan', '[fd00::1]:5000'), { maxLength: 2 });
const registries = fc.dictionary(
  fc.constantFrom('docker.io', 'registry.lan:5000', '[::1]:80'),
  fc.oneof(
    fc.record({ mirrors, 'ca-file': path }),
    fc.record({ mirrors, 'plain-http': fc.boolean() }),
    fc.record({ mirrors }),
  ),
  { noNullPrototype: true },
);

const upTo = (from: number, to: number) => fc.integer({ min: from, max: to });

/** Any configuration that the schema allows. */
const anyToml: fc.Arbitrary<DaemonToml> = fc.record({
  oci: fc.record({ 'docker-hub-mirror': fc.constantFrom('index.docker.io', 'mirror.lan:5000', '[::1]:80') }),
  zone: fc.record({
    'cache-default-kernel': fc.boolean(),
    'cache-default-initrd': fc.boolean(),
    'memory-limit-mb': upTo(64, 16_777_216),
    'kernel-variants': named(fc.stringMatching(/^[a-z0-9./:@"'\\-]{1,40}$/)),
  }),
  network: fc.record({
    nameservers: fc.array(fc.constantFrom('1.1.1.1', '10.0.0.53', '2606:4700:4700::1111'), { maxLength: 4 }),
    ipv4: fc.record({ subnet: upTo(1, 100).map((byte) => `${byte}.0.0.0/8`) }),
    ipv6: fc.record({ subnet: upTo(0, 0xff).map((group) => `fd00:${group.toString(16)}::/32`) }),
  }),
  pci: fc.record({ devices: pciDevices }),
  block: fc.record({ devices: blockDevices }),
  runtime: fc.record({
    'docker-config': fc.oneof(fc.constant('none' as const), path),
    hypervisor: fc.constantFrom('auto' as const, 'xen' as const, 'qemu' as const),
    listen: fc.record(
      {
        group: fc.constantFrom('root', 'protect', '0'),
        tcp: fc.record({ address: fc.constant('[::1]:4353'), cert: path, key: path, 'client-ca': path }),
      },
      { requiredKeys: [] },
    ),
    nats: fc.record({ url: fc.constantFrom('nats://10.0.0.1:4222', 'tls://nats.lan') }, { requiredKeys: [] }),
    limits: fc.record({
      zones: upTo(1, 4096),
      workloads: upTo(1, 65_536),
      'workloads-per-zone': upTo(1, 512),
      connections: upTo(1, 65_536),
      streams: upTo(1, 65_536),
      'streams-per-caller': upTo(1, 65_536),
      'message-kib': upTo(64, 65_536),
      'workload-log-mib': upTo(1, 1_048_576),
      'console-log-mib': upTo(1, 1024),
    }),
    registries,
  }),
});

const defaultText = formatDaemonToml(daemonToml.parse({}));
const exampleText = defaultText.replaceAll(/^#(?=\S)/gm, '');

test('what is written reads as the same configuration', () => {
  fc.assert(
    fc.property(anyToml, (toml) => {
      const { problems, toml: read } = readDaemonToml(formatDaemonToml(toml), 'daemon.toml');
      expect(problems).toEqual([]);
      expect(read).toEqual(toml);
    }),
    { numRuns: 300 },
  );
});

test('no text makes anything but a configuration or the one error, whose lines are in the text', () => {
  const line = fc.oneof(
    fc.constantFrom(...exampleText.split('\n')),
    fc.constantFrom('pci = []', 'x = { y = [1, "#"] }', 'constructor = 1', 'zone = 1', '[[zone]]'),
    fc.constantFrom('memory-limit-mb = 1e99', 'memory-limit-mb = nan', 'memory-limit-mb = 9007199254740991'),
    fc.constantFrom('subnet = "::/0"', 'subnet = "fdd4::1%eth0/64"', 'locations = [[]]', 'url = "nats://["'),
    fc.string({ unit: 'binary' }),
  );
  const mutated = fc
    .tuple(
      fc.constant(exampleText),
      fc.nat(exampleText.length),
      fc.nat(8),
      fc.string({ unit: 'binary', maxLength: 4 }),
    )
    .map(([text, at, removed, added]) => text.slice(0, at) + added + text.slice(at + removed));
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    mutated,
    fc.array(line).map((lines) => lines.join('\n')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseDaemonConfig(text, 'daemon.toml');
      } catch (error) {
        if (!(error instanceof ConfigurationError)) throw error;
        expect(error.problems).not.toEqual([]);
        for (const { line = 0, message } of error.problems) {
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(text.split('\n').length);
          expect(message).not.toBe('');
        }
      }
    }),
    { numRuns: 2_000 },
  );
}, 60_000);

test('a mistake anywhere is reported on the line where its key stands, and nothing else is', () => {
  const lines = exampleText.split('\n');
  const settings = lines.flatMap((line, index) => {
    const key = /^([a-z-]+) = /.exec(line)?.[1];
    return key === undefined ? [] : [{ key, index }];
  });
  const spelling = fc.constantFrom(
    (key: string) => `${key} = nan`,
    (key: string) => `${key.replaceAll('-', '_')} = nan`,
    (key: string) => `"${key}" = nan`,
    (key: string) => `'${key}'=nan # ]`,
    (key: string) => `${key} = { # {\n\n}`,
  );
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.constantFrom(...settings), { minLength: 1, maxLength: 6 }),
      spelling,
      fc.array(fc.nat(lines.length), { maxLength: 4 }),
      (wrong, spell, blanks) => {
        // Lines that say nothing, put in between, move all that follows.
        const text = lines.flatMap((line, index) => {
          const setting = wrong.find((candidate) => candidate.index === index);
          const before = blanks.filter((at) => at === index).flatMap(() => ['', '# x = """']);
          return [...before, setting === undefined ? line : spell(setting.key)];
        });
        const numbered = text.join('\n').split('\n');
        const { problems } = readDaemonToml(numbered.join('\n'), 'daemon.toml');
        expect(problems).toHaveLength(wrong.length);
        for (const { line = 0, key } of problems) {
          const last = key.split('.').at(-1) ?? '';
          expect(numbered[line - 1]?.replaceAll('_', '-')).toMatch(new RegExp(`^["']?${last}["']? ?=`));
        }
      },
    ),
    { numRuns: 500 },
  );
});
