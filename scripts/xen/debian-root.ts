import { copyFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { runTool } from '@protect/service/run-tool';
import type { Steps } from '../stack/steps.ts';

/** Debian's packages in Dom0: its system, Xen's toolstack, and what the five services run there. */
export const rootPackages = [
  'systemd-sysv',
  'openssh-server',
  'iproute2',
  'iputils-ping',
  'kmod',
  'procps',
  'xen-utils-4.17',
  'xenstore-utils',
  'nats-server',
  'libatomic1',
  'libstdc++6',
  'socat',
  'bubblewrap',
  'squashfs-tools',
  'nftables',
  'e2fsprogs',
  'util-linux',
  'mount',
  'zstd',
  'lz4',
  'xz-utils',
] as const;

/** Packages that are unpacked for their files only: their maintainer scripts would spend minutes on a boot loader. */
export const bootPackages = ['linux-image-amd64', 'xen-hypervisor-4.17-amd64'] as const;

/** Units that a machine without disks, terminals or a clock of its own need not wait for. */
const masked = [
  'apt-daily.timer',
  'apt-daily-upgrade.timer',
  'dpkg-db-backup.timer',
  'e2scrub_all.timer',
  'e2scrub_reap.service',
  'fstrim.timer',
  'getty.target',
  'getty-static.service',
  'hwclock.service',
  'systemd-pstore.service',
  'systemd-random-seed.service',
  'systemd-update-utmp.service',
  'systemd-update-utmp-runlevel.service',
  'systemd-logind.service',
  'systemd-machine-id-commit.service',
  'systemd-udev-settle.service',
  // Drivers of emulated hardware that nobody uses; what is needed is loaded by name.
  'systemd-udev-trigger.service',
  'systemd-fsck-root.service',
  'systemd-binfmt.service',
  'sys-kernel-debug.mount',
  'sys-kernel-tracing.mount',
  'sys-fs-fuse-connections.mount',
  'dev-mqueue.mount',
  'dev-hugepages.mount',
  'remote-fs.target',
  // It saves and restores domains behind the daemon's back.
  'xendomains.service',
] as const;

/** Room for images and disks of zones; the file is sparse. */
const rootSizeGib = 8;

/** What `installDebian` made in its folder. */
export interface DebianRoot {
  /** The root file system as a folder; `packRoot` makes it the image and removes it. */
  readonly tree: string;
  /** The kernel's modules in it, ordered by depmod. */
  readonly modules: string;
}

/** Makes `xen.elf` and `vmlinuz` in `folder`, and Dom0's root as a folder in it. Takes about a minute. */
export async function installDebian(folder: string, steps: Steps, signal: AbortSignal): Promise<DebianRoot> {
  const tree = join(folder, 'tree');
  const boot = join(folder, 'boot');
  await mkdir(boot);
  await steps.run('Dom0 image: Debian packages', () => bootstrap(tree, boot, signal));
  const release = await steps.run('Dom0 image: kernel and hypervisor', () =>
    unpackBootPackages(folder, boot, tree, signal),
  );
  return { tree, modules: join(tree, 'lib/modules', release) };
}

/** Makes `root.ext4` in `folder` of the tree, and removes the tree. */
export async function packRoot(folder: string, { tree }: DebianRoot, signal: AbortSignal): Promise<void> {
  await configure(tree, signal);
  // Without a journal: nothing of it outlives a boot.
  const options = ['-q', '-O', '^has_journal', '-d', tree];
  await tool('mkfs.ext4', [...options, join(folder, 'root.ext4'), `${rootSizeGib}G`], signal);
  await rm(tree, { recursive: true });
}

/** In namespaces of its own, so that not even a killed run leaves a mount or a process behind. */
async function bootstrap(tree: string, boot: string, signal: AbortSignal): Promise<void> {
  const download = [
    'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"',
    `cd '${boot}'`,
    'kernel=$(apt-cache depends --important linux-image-amd64 | sed -n "s/.*Depends: //p")',
    `apt-get -qq -o APT::Sandbox::User=root download "$kernel" xen-hypervisor-4.17-amd64`,
  ].join(' && ');
  const isolated = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const wanted = [`--include=${rootPackages.join(',')}`, `--customize-hook=${download}`];
  const mmdebstrap = ['mmdebstrap', '--quiet', '--mode=root', '--variant=minbase', ...wanted];
  await tool('unshare', [...isolated, ...mmdebstrap, 'bookworm', tree], signal);
}

async function unpackBootPackages(
  folder: string,
  boot: string,
  tree: string,
  signal: AbortSignal,
): Promise<string> {
  const unpacked = join(boot, 'unpacked');
  for (const name of (await readdir(boot)).filter((file) => file.endsWith('.deb'))) {
    await tool('dpkg-deb', ['--extract', join(boot, name), unpacked], signal);
  }
  const [release] = await readdir(join(unpacked, 'lib/modules'));
  if (release === undefined) throw new Error('the package of the Dom0 kernel has no modules');
  await cp(join(unpacked, 'lib/modules'), join(tree, 'lib/modules'), { recursive: true });
  await tool('depmod', ['-b', tree, release], signal);
  await copyFile(join(unpacked, 'boot', `vmlinuz-${release}`), join(folder, 'vmlinuz'));
  await writeFile(
    join(folder, 'xen.elf'),
    gunzipSync(await readFile(join(unpacked, 'boot/xen-4.17-amd64.gz'))),
  );
  await rm(boot, { recursive: true });
  return release;
}

async function configure(tree: string, signal: AbortSignal): Promise<void> {
  await tool('chroot', [tree, 'systemctl', '--quiet', 'mask', ...masked], signal);
  await tool('chroot', [tree, 'systemctl', '--quiet', 'disable', 'nats-server.service'], signal);
  // Made for each boot, and never those of the image.
  for (const name of await readdir(join(tree, 'etc/ssh'))) {
    if (name.startsWith('ssh_host_')) await rm(join(tree, 'etc/ssh', name));
  }
  for (const path of [
    'opt/protect',
    'opt/protect-disk',
    'opt/protect-changes/upper',
    'opt/protect-changes/work',
  ])
    await mkdir(join(tree, path), { recursive: true });
}

async function tool(file: string, args: readonly string[], signal: AbortSignal): Promise<void> {
  const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name));
  const env = Object.fromEntries(proxies.map(([name, value]) => [name, value ?? '']));
  await runTool(file, args, { signal, timeoutMs: 900_000, env });
}
