import { newZoneId } from '@protect/config/ids';
import { describe, expect, it } from 'vitest';
import type { DomainSpec } from '../hypervisor.ts';
import { domainCommand, qemuArguments } from './command-line.ts';

const settings = { binary: '/usr/bin/qemu', acceleration: 'tcg', translationCacheMib: 64 } as const;
const spec: DomainSpec = {
  zoneId: newZoneId(),
  virtualization: 'automatic',
  uid: 200_001,
  kernelPath: '/cache/vmlinux',
  initrdPath: '/cache/initrd',
  kernelCmdline: 'extra=1',
  verboseConsole: false,
  memoryMib: 256,
  maxMemoryMib: 512,
  cpus: 2,
  maxCpus: 4,
  disks: [],
  links: [],
};

function tap(netnsPath: string | undefined) {
  return { kind: 'tap', hostInterface: 'tap0', netnsPath, mac: '02:00:00:00:00:01' } as const;
}

function argument(args: readonly string[], name: string): string | undefined {
  return args[args.indexOf(name) + 1];
}

describe("QEMU's arguments", () => {
  it('give the kernel a quiet console on hvc0, or the UART when it is to be verbose', () => {
    const quiet = qemuArguments(spec, settings);
    expect(argument(quiet, '-append')).toBe(
      'console=hvc0 quiet panic=-1 reboot=t no_timer_check tsc=reliable extra=1',
    );
    expect(quiet.join(' ')).not.toContain('isa-serial');
    const verbose = qemuArguments({ ...spec, verboseConsole: true }, settings);
    expect(argument(verbose, '-append')).toContain('console=ttyS0 panic');
    expect(verbose.join(' ')).toContain('isa-serial,chardev=console');
  });

  it('use the processor as it is under KVM', () => {
    const args = qemuArguments(spec, { ...settings, acceleration: 'kvm' });
    expect([argument(args, '-accel'), argument(args, '-cpu')]).toEqual(['kvm', 'host']);
    expect(argument(args, '-append')).not.toContain('tsc=');
  });

  it('give up root, forbid new programs, and start stopped', () => {
    const args = qemuArguments(spec, settings);
    expect(argument(args, '-runas')).toBe('200001:200001');
    expect(argument(args, '-sandbox')).toMatch(/^on,.*spawn=deny/);
    expect(args).toContain('-S');
  });

  it('name links in JSON, so that no name can add an option', () => {
    const link = { ...tap(undefined), hostInterface: 'pz,script=/x' };
    const netdev: unknown = JSON.parse(
      argument(qemuArguments({ ...spec, links: [link] }, settings), '-netdev') ?? '',
    );
    expect(netdev).toMatchObject({ ifname: 'pz,script=/x', script: 'no' });
  });
});

describe('the command', () => {
  it('enters the namespace of the links, and only then', () => {
    expect(domainCommand(spec, settings)[0]).toBe('/usr/bin/setpriv');
    const command = domainCommand({ ...spec, links: [tap('/run/netns/a')] }, settings);
    expect(command.slice(0, 2)).toEqual(['/usr/bin/nsenter', '--net=/run/netns/a']);
  });

  it('refuses links in different namespaces', () => {
    const links = [tap('/run/netns/a'), tap('/run/netns/b')];
    expect(() => domainCommand({ ...spec, links }, settings)).toThrow('different network namespaces');
  });
});
