import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ConfigurationProblem } from './configuration-error.ts';
import { daemonToml } from './daemon-schema.ts';
import { blockPlaces, pciPlaces } from './device-mistakes.ts';
import { isTable, valueAt } from './key-path.ts';
import type { DaemonTomlReading } from './read-daemon-toml.ts';
import { defaultDockerConfig } from './schema/runtime.ts';
import type { KeyPath } from './schema-walk.ts';
import { contains, parseSubnet } from './subnet.ts';

/** The host that a configuration is meant for. */
export interface HostView {
  /** Folder that stands for the root of the file system. */
  readonly root: string;
  /** Addresses of the host in the network namespace where zones get their links. */
  readonly addresses: () => readonly HostAddress[];
}

export interface HostAddress {
  readonly interface: string;
  readonly address: string;
}

const getentMs = 5_000;

/** The links of zones carry addresses of the subnets, and rightly so. */
const zoneLink = /^pz[0-9a-f]{12}$/;

/** This host; `netns` tells that zones have their links in another network namespace than ours. */
export function thisHost(options: { readonly netns?: string | undefined } = {}): HostView {
  return {
    root: '/',
    addresses: () =>
      options.netns !== undefined
        ? []
        : Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
            addresses.map(({ address }) => ({ interface: name, address })),
          ),
  };
}

/** What the file names and the host does not have, or has already. */
export async function hostProblems(
  reading: DaemonTomlReading,
  host: HostView,
): Promise<readonly ConfigurationProblem[]> {
  const lists = await Promise.all([
    blockDeviceProblems(reading, host),
    pciDeviceProblems(reading, host),
    hypervisorProblems(reading, host),
    groupProblems(reading, host),
    tlsFileProblems(reading, host),
    registryFileProblems(reading, host),
    dockerConfigProblems(reading, host),
    subnetProblems(reading, host),
  ]);
  return lists.flat();
}

async function blockDeviceProblems({ document, problemAt }: DaemonTomlReading, { root }: HostView) {
  const owners = new Map<number, string>();
  const problems: ConfigurationProblem[] = [];
  for (const { device, devicePath, path } of blockPlaces(document)) {
    const found = await look(join(root, devicePath));
    if (typeof found === 'string') {
      problems.push(problemAt(path, `${found}; attach the device or take the entry out`));
    } else if (!found.isBlockDevice()) {
      problems.push(
        problemAt(path, 'is no block device; it must be the path of one, such as "/dev/nvme0n1"'),
      );
    } else {
      const owner = owners.get(found.rdev);
      if (owner !== undefined) problems.push(problemAt(path, `is the same device as ${owner}; name it once`));
      owners.set(found.rdev, owner ?? device);
    }
  }
  return problems;
}

async function pciDeviceProblems({ document, problemAt }: DaemonTomlReading, { root }: HostView) {
  const present = await readdir(join(root, 'sys/bus/pci/devices')).catch(() => undefined);
  // A host that shows no PCI bus at all cannot be asked.
  if (present === undefined) return [];
  return pciPlaces(document)
    .filter(({ location }) => !present.includes(location))
    .map(({ path }) => problemAt(path, 'this host has no PCI device there; lspci -D shows those it has'));
}

async function hypervisorProblems({ document, problemAt }: DaemonTomlReading, { root }: HostView) {
  const path = ['runtime', 'hypervisor'];
  if (valueAt(document, path) !== 'xen') return [];
  const capabilities = await readFile(join(root, 'proc/xen/capabilities'), 'utf8').catch(() => '');
  if (capabilities.split(/\s+/).includes('control_d')) return [];
  return [problemAt(path, 'this host is not the Dom0 of a Xen; it must be "auto" or "qemu" here')];
}

async function groupProblems({ document, problemAt }: DaemonTomlReading, { root }: HostView) {
  const path = ['runtime', 'listen', 'group'];
  const group = valueAt(document, path);
  if (typeof group !== 'string' || /^[0-9]*$/.test(group) || (await groupExists(group, root))) return [];
  return [problemAt(path, 'this host has no such group; make it with groupadd, or name another')];
}

async function groupExists(group: string, root: string): Promise<boolean> {
  const known = await readFile(join(root, 'etc/group'), 'utf8').catch(() => '');
  if (known.split('\n').some((line) => line.startsWith(`${group}:`))) return true;
  if (root !== '/') return false;
  // Groups may come from a directory service.
  return promisify(execFile)('getent', ['group', '--', group], { timeout: getentMs }).then(
    () => true,
    () => false,
  );
}

async function tlsFileProblems({ document, problemAt }: DaemonTomlReading, { root }: HostView) {
  const paths = ['cert', 'key', 'client-ca'].map((key) => ['runtime', 'listen', 'tcp', key]);
  return await pemFileProblems(paths, { document, problemAt }, { root });
}

async function registryFileProblems(reading: DaemonTomlReading, host: HostView) {
  const registries = valueAt(reading.document, ['runtime', 'registries']);
  const hosts = isTable(registries) ? Object.keys(registries) : [];
  const paths = hosts.map((name) => ['runtime', 'registries', name, 'ca-file']);
  return await pemFileProblems(paths, reading, host);
}

/** The default need not exist; who names another file wants it used. */
async function dockerConfigProblems({ document, problemAt }: DaemonTomlReading, { root }: HostView) {
  const path = ['runtime', 'docker-config'];
  const file = valueAt(document, path);
  if (typeof file !== 'string' || !file.startsWith('/') || file === defaultDockerConfig) return [];
  const found = await look(join(root, file));
  if (typeof found === 'string') return [problemAt(path, `${found}; log in with docker, or take it out`)];
  if (!found.isFile()) return [problemAt(path, 'is no file; it must be a configuration file of Docker')];
  const isPrivate = found.uid === process.geteuid?.() && (found.mode & 0o077) === 0;
  return isPrivate ? [] : [problemAt(path, 'is for others to use too; chown it to root and chmod it to 600')];
}

async function pemFileProblems(
  paths: readonly KeyPath[],
  { document, problemAt }: Pick<DaemonTomlReading, 'document' | 'problemAt'>,
  { root }: Pick<HostView, 'root'>,
) {
  const problems: ConfigurationProblem[] = [];
  for (const path of paths) {
    const file = valueAt(document, path);
    if (typeof file !== 'string' || !file.startsWith('/')) continue;
    const found = await look(join(root, file));
    if (typeof found === 'string') problems.push(problemAt(path, `${found}; it must be a PEM file`));
    else if (!found.isFile()) problems.push(problemAt(path, 'is no file; it must be a PEM file'));
  }
  return problems;
}

function subnetProblems({ document, problemAt }: DaemonTomlReading, host: HostView): ConfigurationProblem[] {
  const defaults = daemonToml.parse({});
  const addresses = host.addresses().filter((own) => !zoneLink.test(own.interface));
  return ([4, 6] as const).flatMap((version) => {
    const path = ['network', `ipv${version}`, 'subnet'];
    const written = valueAt(document, path);
    const cidr = written ?? valueAt(defaults, path);
    const range = typeof cidr === 'string' ? parseSubnet(version, cidr) : undefined;
    const taken = range && addresses.find(({ address }) => contains(range, address));
    if (taken === undefined) return [];
    const which = written === undefined ? `(the default, ${cidr}) ` : '';
    const what = `${which}overlaps the network of ${taken.interface} (${taken.address})`;
    return [problemAt(path, `${what}; choose a range that the host has no address in`)];
  });
}

/** What the path leads to, or why it leads nowhere. */
async function look(path: string) {
  return await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return 'does not exist on this host';
    if (error.code === 'EACCES') return 'cannot be looked at: permission denied (try as root)';
    return `cannot be looked at: ${error.message}`;
  });
}
