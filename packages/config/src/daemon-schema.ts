import { isIP } from 'node:net';
import { z } from 'zod';

const registryHost = z
  .string()
  .regex(
    /^(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(:[0-9]{1,5})?$/i,
    'must be a registry host such as "index.docker.io" or "mirror.example.com:5000", without scheme and path',
  );

const address = z
  .string()
  .refine((text) => isIP(text) !== 0, 'must be an IPv4 or IPv6 address such as "1.1.1.1"');

/** A subnet in CIDR form with room for two zones and no host bits set. */
function subnet(version: 4 | 6, example: string) {
  const widest = version === 4 ? 29 : 125;
  return z.string().check((context) => {
    const [base = '', length = '', ...rest] = context.value.split('/');
    const prefix = /^[0-9]{1,3}$/.test(length) ? Number(length) : Number.NaN;
    const refuse = (message: string) =>
      context.issues.push({ code: 'custom', message, input: context.value });
    if (isIP(base) !== version || rest.length > 0 || !(prefix >= 0 && prefix <= (version === 4 ? 32 : 128))) {
      refuse(`must be an IPv${version} subnet such as "${example}"`);
    } else if (prefix > widest || prefix < 8) {
      refuse(`must have a prefix length from 8 to ${widest}, such as "${example}"`);
    } else if (hasHostBits(base, prefix, version)) {
      refuse(`must be the subnet's own address: the bits after /${prefix} have to be zero`);
    }
  });
}

function hasHostBits(base: string, prefix: number, version: 4 | 6): boolean {
  const bits = version === 4 ? 32n : 128n;
  const value = version === 4 ? ipv4Value(base) : ipv6Value(base);
  return (value & ((1n << (bits - BigInt(prefix))) - 1n)) !== 0n;
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function ipv6Value(text: string): bigint {
  // The URL parser writes every form (embedded IPv4, zero runs) as groups with at most one "::".
  const plain = new URL(`http://[${text.replace(/%.*$/, '')}]/`).hostname.slice(1, -1);
  const [head = '', tail] = plain.split('::');
  const groups = (side: string) => (side === '' ? [] : side.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce((value, part) => (value << 16n) | BigInt(`0x${part}`), 0n);
}

const name = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'a name has up to 63 letters, digits, ".", "_" or "-" and starts with a letter or digit',
  );

const moduleName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be the name of a kernel module such as "nvme"');

const pciLocation = z
  .string()
  .toLowerCase()
  .regex(
    /^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/,
    'must be domain:bus:device.function such as "0000:01:00.0"',
  );

const pciDevice = z.strictObject({
  locations: z.array(pciLocation).min(1, 'must name at least one PCI address such as "0000:01:00.0"').max(64),
  permissive: z.boolean().default(false),
  'msi-translate': z.boolean().default(false),
  'power-management': z.boolean().default(false),
  'rdm-reserve-policy': z.enum(['strict', 'relaxed']).default('strict'),
  modules: z.array(moduleName).max(64).default([]),
  'module-parameters': z.record(moduleName, z.array(z.string().max(1024)).max(64)).default({}),
});

const blockDevice = z.strictObject({
  path: z
    .string()
    .regex(/^\/[^\0]+$/, 'must be the absolute path of a block device such as "/dev/nvme0n1"')
    .refine(
      (path) => !path.split('/').includes('..'),
      'must not contain "..": write the path of the device itself',
    ),
});

const imageReference = z
  .string()
  .regex(
    /^[^\s\p{Cc}]{1,1024}$/u,
    'must be an OCI image reference such as "ghcr.io/edera-dev/zone-kernel:latest"',
  );

/** daemon.toml as it is written: kebab-case keys, `memory-limit-mb` in MiB. */
export const daemonToml = z.strictObject({
  oci: z.strictObject({ 'docker-hub-mirror': registryHost.default('index.docker.io') }).prefault({}),
  zone: z
    .strictObject({
      'cache-default-kernel': z.boolean().default(true),
      'cache-default-initrd': z.boolean().default(true),
      'memory-limit-mb': z
        .int('must be a whole number of MiB such as 1024')
        .min(64, 'must be at least 64 (MiB)')
        .max(16_777_216, 'must be at most 16777216 (MiB)')
        .default(1024),
      'kernel-variants': z.record(name, imageReference).default({}),
    })
    .prefault({}),
  network: z
    .strictObject({
      nameservers: z
        .array(address)
        .max(16, 'may list at most 16 resolvers')
        .default(['1.1.1.1', '1.0.0.1', '2606:4700:4700::1111', '2606:4700:4700::1001']),
      ipv4: z.strictObject({ subnet: subnet(4, '10.75.0.0/16').default('10.75.0.0/16') }).prefault({}),
      ipv6: z
        .strictObject({ subnet: subnet(6, 'fdd4:1476:6c7e::/48').default('fdd4:1476:6c7e::/48') })
        .prefault({}),
    })
    .prefault({}),
  pci: z.strictObject({ devices: z.record(name, pciDevice).default({}) }).prefault({}),
  block: z.strictObject({ devices: z.record(name, blockDevice).default({}) }).prefault({}),
});

export type DaemonToml = z.output<typeof daemonToml>;
