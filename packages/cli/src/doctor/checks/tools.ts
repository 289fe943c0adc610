import type { Check } from '../check.ts';
import { failed, ok } from '../finding.ts';
import { findProgram, isDom0, readText, searchPath } from '../host.ts';

const name = 'tools';

/** Programs that the services run, and the Debian package of each. */
export const everyTool: Readonly<Record<string, string>> = {
  'nats-server': 'nats-server',
  mksquashfs: 'squashfs-tools',
  'mkfs.ext4': 'e2fsprogs',
  bwrap: 'bubblewrap',
  lz4: 'lz4',
  nft: 'nftables',
  ip: 'iproute2',
  nsenter: 'util-linux',
  unshare: 'util-linux',
  prlimit: 'util-linux',
  setpriv: 'util-linux',
  mknod: 'coreutils',
  getent: 'libc-bin',
};

/** Those that only one hypervisor needs. */
export const qemuTools: Readonly<Record<string, string>> = { 'qemu-system-x86_64': 'qemu-system-x86' };
export const xenTools: Readonly<Record<string, string>> = {
  xl: 'xen-utils-common',
  xenconsole: 'xen-utils-common',
  'vchan-socket-proxy': 'xen-utils-common',
  'xenstore-watch': 'xenstore-utils',
  'xenstore-read': 'xenstore-utils',
  'xenstore-write': 'xenstore-utils',
  'xenstore-ls': 'xenstore-utils',
  'xenstore-rm': 'xenstore-utils',
  losetup: 'mount',
};

/** All programs are where the services look for them. */
export const tools: Check = {
  name,
  async find(host) {
    const xen = await isDom0(host);
    const wanted = Object.entries({ ...everyTool, ...(xen ? xenTools : qemuTools) });
    const xenVersion = ['major', 'minor'].map((part) => readText(host, `/sys/hypervisor/version/${part}`));
    const version = (await Promise.all(xenVersion)).map((part) => part?.trim() ?? '').join('.');
    // Debian keeps the programs of each Xen apart.
    const folders = [...searchPath.split(':'), `/usr/lib/xen-${version}/bin`, '/usr/lib/xen/bin'];
    const found = await Promise.all(wanted.map(([tool]) => findProgram(host, tool, folders)));
    const missing = wanted.filter((_, index) => found[index] === undefined);
    if (missing.length === 0) return [ok(name, `all ${wanted.length} are there`)];
    const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))];
    const names = missing.map(([tool, debianPackage]) => `${tool} (${debianPackage})`);
    return [failed(name, `missing: ${names.join(', ')}`, `apt-get install ${packages.join(' ')}`)];
  },
};
