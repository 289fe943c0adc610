import { Code } from '@connectrpc/connect';
import { newZoneId } from '@protect/config/ids';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DomainSpec } from '../hypervisor.ts';
import { diskSpecification, domainConfig, quote } from './domain-config.ts';

const spec: DomainSpec = {
  zoneId: newZoneId(),
  virtualization: 'automatic',
  uid: 200_000,
  kernelPath: '/state/cache/boot/kernel',
  initrdPath: '/state/cache/boot/initrd',
  kernelCmdline: 'panic=-1 hello="a b"',
  verboseConsole: false,
  memoryMib: 128,
  maxMemoryMib: 256,
  cpus: 1,
  maxCpus: 2,
  disks: [],
  links: [],
};

/** What libxlu's lexer takes for one quoted string. */
const quoted = /^"([^"\\\n]|\\.)*"$/;
const letters: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** libxlu's `xlu__cfgl_dequote`, but for the numeric escapes, which it reads wrong. */
function dequote(text: string): string {
  expect(text).toMatch(quoted);
  return text.slice(1, -1).replaceAll(/\\(.)/g, (_, character: string) => {
    if (`"'\\`.includes(character)) return character;
    const meant = letters[character];
    if (meant === undefined) throw new Error(`libxlu refuses \\${character}`);
    return meant;
  });
}

describe('quote', () => {
  it('is undone by libxlu', () => {
    const text = fc.string({
      unit: fc.oneof(fc.constantFrom('"', "'", '\\', '\n', '\t', '#', ',', ']'), fc.string()),
    });
    fc.assert(
      fc.property(text, (value) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are refused.
        fc.pre(!/[\x00-\x06\x0e-\x1f]/.test(value));
        expect(dequote(quote(value))).toBe(value);
      }),
    );
  });

  it('refuses characters that have no spelling', () => {
    for (const text of ['\0', 'a\x1bb']) {
      expect(() => quote(text)).toThrow(expect.objectContaining({ code: Code.InvalidArgument }));
    }
  });
});

describe('domainConfig', () => {
  it('describes a paravirtual machine that waits for the driver when it ends', () => {
    const mac = '02:00:00:00:00:01';
    const vif = { kind: 'vif', mac, attach: async () => undefined } as const;
    const disk = { index: 0, device: '/dev/loop3', readOnly: true };
    expect(domainConfig({ ...spec, links: [vif] }, [disk]).split('\n')).toEqual([
      `name = "protect-${spec.zoneId}"`,
      `uuid = "${spec.zoneId}"`,
      'type = "pv"',
      'kernel = "/state/cache/boot/kernel"',
      'ramdisk = "/state/cache/boot/initrd"',
      'cmdline = "console=hvc0 quiet panic=-1 panic=-1 hello=\\"a b\\""',
      'memory = 128',
      'maxmem = 256',
      'vcpus = 1',
      'maxvcpus = 2',
      'tsc_mode = "native"',
      'on_poweroff = "preserve"',
      'on_reboot = "preserve"',
      'on_crash = "preserve"',
      'on_watchdog = "preserve"',
      'on_soft_reset = "preserve"',
      'disk = ["vdev=xvda,access=ro,format=raw,backendtype=phy,script=/usr/bin/true,target=/dev/loop3"]',
      'vif = ["mac=02:00:00:00:00:01,type=vif,script=/usr/bin/true"]',
      '',
    ]);
  });

  it('lets the kernel speak when asked to', () => {
    expect(domainConfig({ ...spec, verboseConsole: true }, [])).not.toContain('quiet');
  });
});

it('gives xl a disk whose path may hold commas', () => {
  const disk = { index: 16, device: '/state/a,b/disk', readOnly: false };
  expect(diskSpecification(disk)).toMatch(/^vdev=xvdq,access=rw,.*,target=\/state\/a,b\/disk$/);
});
