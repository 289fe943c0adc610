import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { type Check, findAll } from '../src/doctor/check.ts';
import { acceleration } from '../src/doctor/checks/acceleration.ts';
import { controlGroups } from '../src/doctor/checks/control-groups.ts';
import { daemonToml } from '../src/doctor/checks/daemon-toml.ts';
import { diskSpace } from '../src/doctor/checks/disk-space.ts';
import { hypervisor } from '../src/doctor/checks/hypervisor.ts';
import { ipv6 } from '../src/doctor/checks/ipv6.ts';
import { loop } from '../src/doctor/checks/loop.ts';
import { memory } from '../src/doctor/checks/memory.ts';
import { networkNamespaces } from '../src/doctor/checks/network-namespaces.ts';
import { nftables } from '../src/doctor/checks/nftables.ts';
import { stateFolder } from '../src/doctor/checks/state-folder.ts';
import { everyTool, qemuTools, tools, xenTools } from '../src/doctor/checks/tools.ts';
import { tun } from '../src/doctor/checks/tun.ts';
import { zoneKernel } from '../src/doctor/checks/zone-kernel.ts';
import { ok, warning } from '../src/doctor/finding.ts';
import { renderFindings } from '../src/doctor/render.ts';
import { type FakeHostOptions, fakeHost, findings } from './fake-host.ts';

const state = '/var/lib/edera/protect';
const dom0 = { '/proc/xen/capabilities': 'control_d\n' };
const meminfo = (totalMib: number, freeMib: number) =>
  `MemTotal:       ${totalMib * 1024} kB\nMemFree: 1 kB\nMemAvailable:   ${freeMib * 1024} kB\n`;
const mount = (options: string, fileSystem: string) =>
  `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n23 22 254:1 / /var/lib ${options} shared:1 - ${fileSystem} /dev/vdb rw\n`;
const builtIn = 'kernel/fs/ext4/ext4.ko\n';
const kernelFolder = `${state}/cache/boot/kernel-0123`;
const catAddons = (file: string) => `unsquashfs -cat ${kernelFolder}/addons.squashfs modules/${file}`;

test.each<[string, Check, FakeHostOptions, string]>([
  [
    'enough memory',
    memory,
    { files: { '/proc/meminfo': meminfo(8192, 6000) } },
    'ok memory: 8192 MiB, of which 6000 MiB are available',
  ],
  [
    'little memory',
    memory,
    { files: { '/proc/meminfo': meminfo(2048, 1500) } },
    'warning memory: 2048 MiB, of which 1500 MiB are available',
  ],
  [
    'too little memory',
    memory,
    { files: { '/proc/meminfo': meminfo(512, 500) } },
    'failed memory: 512 MiB, of which 500 MiB are available',
  ],
  ['a full disk', diskSpace, { freeGib: 1.5 }, `failed disk space: 1.5 GiB free for ${state}`],
  ['a small disk', diskSpace, { freeGib: 12 }, `warning disk space: 12.0 GiB free for ${state}`],
  [
    'a state folder on a disk',
    stateFolder,
    { files: { '/proc/self/mountinfo': mount('rw', 'ext4'), [`${state}/`]: '' } },
    `ok state folder: ${state} on ext4 (/var/lib)`,
  ],
  [
    'a state folder that is not there yet',
    stateFolder,
    { files: { '/proc/self/mountinfo': mount('rw', 'ext4') } },
    `ok state folder: ${state} on ext4 (/), made at the first start`,
  ],
  [
    'a state folder without device nodes',
    stateFolder,
    { files: { '/proc/self/mountinfo': mount('rw,nosuid,nodev,noexec', 'ext4'), [`${state}/`]: '' } },
    `failed state folder: ${state} on ext4, nodev, noexec (/var/lib)`,
  ],
  [
    'a state folder without programs',
    stateFolder,
    { files: { '/proc/self/mountinfo': mount('rw,noexec', 'ext4'), [`${state}/`]: '' } },
    `warning state folder: ${state} on ext4, noexec (/var/lib)`,
  ],
  [
    'a state folder on NFS',
    stateFolder,
    { files: { '/proc/self/mountinfo': mount('rw', 'nfs4'), [`${state}/`]: '' } },
    `failed state folder: ${state} on nfs4 (/var/lib)`,
  ],
  [
    'a state folder in memory',
    stateFolder,
    { files: { '/proc/self/mountinfo': mount('rw', 'tmpfs'), [`${state}/`]: '' } },
    `warning state folder: ${state} on tmpfs (/var/lib)`,
  ],
  [
    'Xen',
    hypervisor,
    { files: { ...dom0, '/sys/hypervisor/version/major': '4\n', '/sys/hypervisor/version/minor': '17\n' } },
    'ok hypervisor: Xen 4.17, of which this is Dom0',
  ],
  [
    'QEMU',
    hypervisor,
    {
      files: { '/usr/share/seabios/bios-256k.bin': '' },
      programs: ['qemu-system-x86_64'],
      runs: { '/usr/bin/qemu-system-x86_64 --version': { stdout: 'QEMU emulator version 7.2.22 (D)\n' } },
    },
    'ok hypervisor: QEMU 7.2.22',
  ],
  [
    'QEMU without firmware',
    hypervisor,
    {
      programs: ['qemu-system-x86_64'],
      runs: { '/usr/bin/qemu-system-x86_64 --version': { stdout: 'QEMU emulator version 9.2.0\n' } },
    },
    'failed hypervisor: QEMU 9.2.0 without /usr/share/seabios/bios-256k.bin',
  ],
  ['no hypervisor', hypervisor, {}, 'failed hypervisor: neither Xen nor qemu-system-x86_64'],
  ['no /dev/kvm', acceleration, {}, 'warning acceleration: emulation: there is no /dev/kvm'],
  [
    '/dev/kvm that nobody has tried',
    acceleration,
    { files: { '/dev/kvm': '', '/proc/sys/kernel/osrelease': '6.1.0\n' } },
    'ok acceleration: /dev/kvm is there; protect-daemon tries a zone kernel under it when it starts',
  ],
  ...(['kvm', 'tcg'] as const).map((found): [string, Check, FakeHostOptions, string] => [
    `/dev/kvm that was tried: ${found}`,
    acceleration,
    {
      files: {
        '/dev/kvm': '',
        '/proc/sys/kernel/osrelease': '6.1.0\n',
        [`${state}/cache/boot/acceleration.json`]: JSON.stringify({
          key: '6.1.0 1 2',
          acceleration: found,
        }),
      },
    },
    found === 'kvm'
      ? 'ok acceleration: KVM: a zone kernel has booted under it'
      : 'warning acceleration: emulation: /dev/kvm is there, but no zone kernel boots under it',
  ]),
  ['tun', tun, { files: { '/dev/net/tun': '' } }, 'ok tun: /dev/net/tun'],
  ['no tun', tun, {}, 'failed tun: there is no /dev/net/tun'],
  ['no tun under Xen', tun, { files: dom0 }, 'ok tun: not needed: Xen makes the links'],
  ['no loop devices', loop, {}, 'ok loop: not there, and not needed with QEMU'],
  ['no loop devices under Xen', loop, { files: dom0 }, 'failed loop: there is no /dev/loop-control'],
  ['no network namespaces', networkNamespaces, {}, 'failed network namespaces: the kernel has none'],
  ['no IPv6', ipv6, {}, 'warning IPv6: the kernel has none'],
  [
    'IPv6 that is off',
    ipv6,
    { files: { '/proc/sys/net/ipv6/conf/all/disable_ipv6': '1\n' } },
    'warning IPv6: switched off',
  ],
  ['no nft', nftables, {}, 'failed nftables: nft is missing'],
  [
    'nftables',
    nftables,
    { programs: ['nft'], runs: { '/usr/bin/nft list tables': {} } },
    'ok nftables: the kernel answers',
  ],
  [
    'a kernel without nftables',
    nftables,
    { programs: ['nft'], runs: { '/usr/bin/nft list tables': { exitCode: 1, stderr: 'netlink: no\n' } } },
    'failed nftables: the kernel does not answer: netlink: no',
  ],
  [
    'nftables for who is not root',
    nftables,
    {
      programs: ['nft'],
      isRoot: false,
      runs: { 'unshare --user --map-root-user --net -- /usr/bin/nft list tables': {} },
    },
    'ok nftables: the kernel answers',
  ],
  [
    'nftables that cannot be asked',
    nftables,
    { programs: ['nft'], isRoot: false },
    'warning nftables: whether the kernel has it cannot be seen by this user',
  ],
  [
    'unified control groups',
    controlGroups,
    { files: { '/sys/fs/cgroup/cgroup.controllers': 'cpuset cpu io memory pids\n' } },
    'ok control groups: version 2 with cpu, memory, pids',
  ],
  [
    'control groups of version 1',
    controlGroups,
    { files: { '/sys/fs/cgroup/cpu/': '', '/sys/fs/cgroup/pids/': '' } },
    'warning control groups: version 1 without memory',
  ],
  [
    'no tools',
    tools,
    { programs: [...Object.keys(everyTool).filter((tool) => tool !== 'bwrap'), ...Object.keys(qemuTools)] },
    'failed tools: missing: bwrap (bubblewrap)',
  ],
  [
    'tools of Xen',
    tools,
    { files: dom0, programs: [...Object.keys(everyTool), ...Object.keys(xenTools)] },
    `ok tools: all ${Object.keys(everyTool).length + Object.keys(xenTools).length} are there`,
  ],
  [
    'no daemon.toml',
    daemonToml,
    {},
    'ok daemon.toml: not there yet; protect-daemon writes it at its first start',
  ],
  [
    'a wrong daemon.toml',
    daemonToml,
    { files: { [`${state}/daemon.toml`]: '[zone]\nmemory-limit-mb = 1\nx = 1\n' } },
    'failed daemon.toml: 2 mistakes: zone.memory-limit-mb must be a whole number from 64 to 16777216 (MiB)',
  ],
  ['no zone kernel', zoneKernel, {}, 'warning zone kernel: none unpacked yet'],
  [
    'a zone kernel',
    zoneKernel,
    {
      files: { [`${kernelFolder}/addons.squashfs`]: '' },
      runs: {
        [catAddons('modules.dep')]: {
          stdout: 'kernel/fs/overlayfs/overlay.ko.xz:\nkernel/fs/squashfs/squashfs.ko: kernel/lib/x.ko\n',
        },
        [catAddons('modules.builtin')]: { stdout: builtIn },
      },
    },
    'ok zone kernel: 1 unpacked, with overlay, squashfs, ext4',
  ],
  [
    'a zone kernel without overlayfs',
    zoneKernel,
    {
      files: { [`${kernelFolder}/addons.squashfs`]: '' },
      runs: {
        [catAddons('modules.dep')]: { stdout: 'kernel/fs/squashfs/squashfs.ko:\n' },
        [catAddons('modules.builtin')]: { stdout: builtIn },
      },
    },
    'failed zone kernel: one has no overlay',
  ],
])('%s', async (_title, check, options, expected) => {
  expect(await findings(check, options)).toEqual([expected]);
});

test('a check that breaks, or may not look, is a line like the others', async () => {
  await using host = await fakeHost();
  const broken: Check = { name: 'broken', find: () => Promise.reject(new Error('no idea')) };
  const forbidden: Check = {
    name: 'secret',
    find: () => Promise.reject(Object.assign(new Error('x'), { code: 'EACCES', path: '/secret' })),
  };
  expect(await findAll([broken, forbidden], host)).toMatchObject([
    { name: 'broken', status: 'warning', detail: 'could not be checked: no idea' },
    { name: 'secret', status: 'warning', detail: '/secret cannot be seen by this user' },
  ]);
});

test('each package that is named for a tool is one that set-up installs, or part of every Debian', async () => {
  const setup = await readFile(new URL('../../../scripts/setup.mjs', import.meta.url), 'utf8');
  const always = ['coreutils', 'libc-bin', 'util-linux', 'mount'];
  for (const debianPackage of new Set(Object.values({ ...everyTool, ...qemuTools }))) {
    const isInstalled = new RegExp(`^ {2}'?${debianPackage}'?: `, 'm').test(setup);
    expect({ debianPackage, known: isInstalled || always.includes(debianPackage) }).toEqual({
      debianPackage,
      known: true,
    });
  }
});

test('findings are aligned lines with what to do below them', () => {
  const found = [ok('tun', '/dev/net/tun'), warning('address ranges', 'a\x1b[2J', 'do\nthis')];
  expect(renderFindings(found, false)).toBe(
    [
      '✓ tun             /dev/net/tun',
      '! address ranges  a?[2J',
      '                  → do; this',
      '',
      'Nothing is broken; 1 to look at (!).',
      '',
    ].join('\n'),
  );
  expect(renderFindings(found, true)).toContain('\x1b[32m✓\x1b[39m tun');
  expect(renderFindings([ok('tun', '')], false)).toMatch(/Everything is in order\.\n$/);
});
