import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import type { DomainSpec } from '../hypervisor.ts';
import { diskName } from './virtual-disk.ts';

/**
 * What libxl runs when a device comes or goes. The driver tells the back ends itself what such scripts tell
 * them otherwise, when all is in place: nothing is left to do, and no script can be half done.
 */
const hotplugScript = '/usr/bin/true';

/** A disk that has its block device on the host. */
export interface BlockDisk {
  readonly index: number;
  readonly device: string;
  readonly readOnly: boolean;
}

/** What xl calls a zone's domain. */
export function domainName(zoneId: ZoneId): string {
  return `protect-${zoneId}`;
}

/** The configuration for `xl create` of a zone's domain. */
export function domainConfig(spec: DomainSpec, disks: readonly BlockDisk[]): string {
  const kept = ['on_poweroff', 'on_reboot', 'on_crash', 'on_watchdog', 'on_soft_reset'];
  const settings: Record<string, string | number | readonly string[]> = {
    name: domainName(spec.zoneId),
    uuid: spec.zoneId,
    type: 'pv',
    kernel: spec.kernelPath,
    ramdisk: spec.initrdPath,
    cmdline: kernelCommandLine(spec),
    memory: spec.memoryMib,
    maxmem: spec.maxMemoryMib,
    vcpus: spec.cpus,
    maxvcpus: spec.maxCpus,
    // Else each reading of the clock is a trap into the hypervisor.
    tsc_mode: 'native',
    // The driver reads why a domain ended, then destroys it.
    ...Object.fromEntries(kept.map((event) => [event, 'preserve'])),
    disk: disks.map(diskSpecification),
    vif: spec.links.map(({ mac }) => `mac=${mac},type=vif,script=${hotplugScript}`),
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${literal(value)}\n`)
    .join('');
}

/** The words of a disk for xl, in a configuration and on the command line of `block-attach`. */
export function diskSpecification({ index, device, readOnly }: BlockDisk): string {
  const access = readOnly ? 'ro' : 'rw';
  // `target` takes all that follows it.
  const words = ['format=raw', 'backendtype=phy', `script=${hotplugScript}`];
  return [`vdev=${diskName(index)}`, `access=${access}`, ...words, `target=${device}`].join(',');
}

/** Kernel parameters that every zone gets first. */
function kernelCommandLine({ verboseConsole, kernelCmdline }: DomainSpec): string {
  return `console=hvc0${verboseConsole ? '' : ' quiet'} panic=-1 ${kernelCmdline}`.trimEnd();
}

function literal(value: string | number | readonly string[]): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? quote(value) : `[${value.map(quote).join(', ')}]`;
}

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
};

/** A string as xl's configuration language writes it. INVALID_ARGUMENT for characters it cannot carry. */
export function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const inner = text.replaceAll(/["\\\x00-\x1f]/g, (character) => {
    const escaped = escapes[character];
    if (escaped !== undefined) return escaped;
    // xl reads its numeric escapes wrong, so these have no spelling.
    throw new ConnectError(`${JSON.stringify(text)} has a control character`, Code.InvalidArgument);
  });
  return `"${inner}"`;
}
