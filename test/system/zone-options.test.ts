import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Code, ConnectError } from '@connectrpc/connect';
import { type LayoutEntry, writeLayout } from '@protect/oci/layout-writer';
import { OciImageFormat, type Zone, ZoneNetworkBackend, ZoneState } from '@protect/proto/control-common';
import { BadRequestSchema } from '@protect/proto/error-details';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroyZone, execute, launchZone, listZones, pullImage, zoneInState } from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { beginWorkload } from './run-workload.ts';
import { startStack, type TestStack } from './stack.ts';

type AskedZone = NonNullable<Parameters<typeof launchZone>[1]>;
type KernelOptions = NonNullable<AskedZone['kernelOptions']>;

const small = { maxMemory: 160n };

let stack: TestStack;
let before: HostSnapshot;
let digest: string;
/** Asks for little: all messages of its kernel, no network, and no name that a host could have. */
let plain: Zone;
/** Asks for all there is. */
let zone: Zone;
/** A privileged workload in each of them. */
const insides = new Map<Zone, string>();

beforeAll(async () => {
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  digest = await pullImage(stack.client, await busyboxImage());
  plain = await launchZone(stack.client, {
    name: 'a plain zone',
    initialResources: small,
    kernelOptions: { verbose: true },
    networkOptions: { backend: ZoneNetworkBackend.NONE, dnsConfig: { searches: ['nowhere.example'] } },
  });
  const addons = [];
  for (const layout of [await writeModuleAddon(), await writeFirmwareAddon()]) {
    addons.push({ digest: await pullImage(stack.client, layout), format: OciImageFormat.SQUASHFS });
  }
  zone = await launchZone(stack.client, {
    name: 'Zone-1',
    annotations: [{ key: 'team', value: 'red “and” blue' }],
    initialResources: small,
    addons,
    kernelOptions: {
      cmdline: ['protect.one=1', 'protect.words="a b"'],
      cmdlineAppend: 'protect.last  printk.time=0',
      modules: ['sch-htb'],
      moduleParameters: [
        { module: 'ifb', parameter: 'numifbs=3' },
        { module: 'zram', parameter: 'num_devices=2' },
        { module: 'addon_module', parameter: 'numdummies=4' },
        { module: 'printk', parameter: 'ignore_loglevel=Y' },
      ],
      sysctlParameters: [
        { key: 'vm.swappiness', value: '7' },
        { key: 'net.ipv4.ip_local_port_range', value: '2000 3000' },
        { key: 'net/ipv4/conf/eth0/forwarding', value: '1' },
      ],
    },
    networkOptions: {
      dnsConfig: {
        nameservers: ['192.0.2.53', '2001:db8::53'],
        searches: ['zone.example', 'example.com'],
        options: ['ndots:2', 'edns0'],
      },
    },
  });
  for (const one of [plain, zone]) {
    const asked = { security: { privileged: true } };
    const place = { zoneId: one.id, digest };
    insides.set(one, await beginWorkload(stack.client, place, ['sleep', '100000'], asked));
  }
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

/** What a script says that a workload of the zone runs. */
async function inside(of: Zone, script: string): Promise<string> {
  const workloadId = insides.get(of) ?? '';
  const { exitCode, stdout, stderr } = await execute(stack.client, { workloadId }, ['sh', '-c', script]);
  if (exitCode !== 0) throw new Error(`${script} ended with ${exitCode}: ${stderr}`);
  return stdout;
}

const zoneIds = async () => (await listZones(stack.client)).map(({ id }) => id);

/** A layout below the stack's folder. */
async function writeAddon(name: string, entries: readonly LayoutEntry[]): Promise<string> {
  const layout = join(stack.state, 'cache', name);
  await writeLayout(layout, { layers: [entries] });
  return `oci:${layout}`;
}

const file = (path: string, bytes: Uint8Array): LayoutEntry => ({ type: 'file', path, source: { bytes } });

/** A module that only this image has: the kernel's dummy by another file name. */
async function writeModuleAddon(): Promise<string> {
  const cache = await readdir(stack.paths.bootCache);
  const kernel = join(stack.paths.bootCache, cache.find((name) => name.startsWith('kernel-')) ?? '');
  const path = 'modules/kernel/drivers/net/dummy.ko';
  const { stdout } = await execa('unsquashfs', ['-cat', join(kernel, 'addons.squashfs'), path], {
    encoding: 'buffer',
  });
  return await writeAddon('module-addon', [
    { type: 'directory', path: 'modules' },
    { type: 'directory', path: 'modules/extra' },
    file('modules/extra/addon-module.ko', stdout),
    file('modules/modules.dep', Buffer.from('extra/addon-module.ko:\n')),
  ]);
}

async function writeFirmwareAddon(): Promise<string> {
  return await writeAddon('firmware-addon', [
    { type: 'directory', path: 'firmware' },
    file('firmware/card.bin', Buffer.from('microcode')),
    file('note', Buffer.from('an addon\n')),
  ]);
}

test('words of the kernel’s command line follow protect’s own, as they were given', async () => {
  const cmdline = await inside(zone, 'cat /proc/cmdline');
  expect(cmdline).toMatch(/ quiet .* protect\.one=1 protect\.words="a b" protect\.last {2}printk\.time=0\n$/);
  expect(await inside(zone, 'cat /sys/module/printk/parameters/time')).toBe('N\n');
});

test('a verbose kernel is not told to be quiet, and tells the console all', async () => {
  expect(await inside(plain, 'cat /proc/cmdline')).not.toContain('quiet');
  expect(await stack.output('zone', 'logs', plain.id)).toContain('Linux version');
});

test('modules are loaded, by either way of writing them, with their parameters', async () => {
  const modules = await inside(zone, 'cut -d" " -f1 /proc/modules; ls /sys/class/net; ls -d /dev/zram*');
  for (const name of ['sch_htb', 'ifb', 'zram']) expect(modules).toMatch(new RegExp(`^${name}$`, 'm'));
  expect(modules.match(/^ifb\d$/gm)).toEqual(['ifb0', 'ifb1', 'ifb2']);
  expect(modules.match(/^\/dev\/zram\d$/gm)).toEqual(['/dev/zram0', '/dev/zram1']);
});

test('a parameter of what the kernel has built in is set when it still can be', async () => {
  expect(await inside(zone, 'cat /sys/module/printk/parameters/ignore_loglevel')).toBe('Y\n');
  expect(await inside(plain, 'cat /sys/module/printk/parameters/ignore_loglevel')).toBe('N\n');
});

test('sysctls are set, by dots or slashes, those of the zone’s interface too', async () => {
  const files = ['vm/swappiness', 'net/ipv4/ip_local_port_range', 'net/ipv4/conf/eth0/forwarding'];
  expect(await inside(zone, `cd /proc/sys; cat ${files.join(' ')}`)).toBe('7\n2000\t3000\n1\n');
  expect(await inside(plain, 'cat /proc/sys/vm/swappiness')).toBe('60\n');
});

test('addon images are mounted in the zone, and bring modules and firmware', async () => {
  const busybox = `/run/protect/workloads/${insides.get(zone)}/rootfs/bin/busybox`;
  const inZone = (...words: string[]) => execute(stack.client, { zoneId: zone.id }, [busybox, ...words]);
  expect((await inZone('cat', '/run/addons/1/note')).stdout).toBe('an addon\n');
  expect((await inZone('touch', '/run/addons/1/x')).stderr).toContain('Read-only file system');
  expect((await inside(zone, 'ls /sys/class/net')).match(/^dummy\d$/gm)).toHaveLength(4);
  expect(await inside(zone, 'cat /sys/module/firmware_class/parameters/path')).toBe(
    '/run/addons/1/firmware\n',
  );
  const disks = zone.status?.deviceStatus?.disks.filter(
    ({ filesystemType }) => filesystemType === 'squashfs',
  );
  expect(disks).toHaveLength(3);
});

test('name servers, search domains and options are those asked for, in every workload', async () => {
  expect(await inside(zone, 'cat /etc/resolv.conf')).toBe(
    'nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch zone.example example.com\noptions ndots:2 edns0\n',
  );
  expect(await inside(plain, 'cat /etc/resolv.conf')).toBe('search nowhere.example\n');
});

test('the network is there or is not', async () => {
  expect(await inside(zone, 'ip -o -4 addr show eth0')).toMatch(/inet 10\.75\./);
  expect(await inside(plain, 'ls /sys/class/net')).toBe('lo\n');
});

test('its host name is its name where that can be one, else made of its id', async () => {
  expect(await inside(zone, 'hostname')).toBe('Zone-1\n');
  expect(await inside(plain, 'hostname')).toBe(`zone-${plain.id.replaceAll('-', '').slice(0, 12)}\n`);
});

test('annotations and all else that was asked for are told to everybody who asks', async () => {
  const told = (await stack.client.getZone({ zoneId: zone.id })).zone?.spec;
  expect(told).toEqual((await listZones(stack.client)).find(({ id }) => id === zone.id)?.spec);
  expect(told?.annotations).toMatchObject([{ key: 'team', value: 'red “and” blue' }]);
  expect(told?.addons).toHaveLength(2);
  expect(told?.kernelOptions?.moduleParameters).toHaveLength(4);
});

describe('what its kernel does not have fails the zone, with the reason, and leaves nothing:', () => {
  const failures: readonly [string, KernelOptions, RegExp][] = [
    [
      'a module',
      { modules: ['no_such_module'] },
      /module no_such_module: neither the kernel's image nor an addon has a module of this name$/,
    ],
    [
      'a sysctl',
      { sysctlParameters: [{ key: 'vm.no_such_setting', value: '1' }] },
      /sysctl vm\.no_such_setting: the zone's kernel has no such setting; if it comes with a module, have that loaded$/,
    ],
  ];

  test.concurrent.each(failures)('%s', async (_, kernelOptions, message) => {
    const spec = { initialResources: small, kernelOptions };
    const { zoneId } = await stack.client.createZone({ spec });
    const failed = await zoneInState(stack.client, zoneId, [ZoneState.FAILED, ZoneState.READY]);
    expect(failed.status?.state).toBe(ZoneState.FAILED);
    expect(failed.status?.errorStatus?.message).toMatch(message);
    await destroyZone(stack.client, zoneId);
  });
});

describe('a zone is refused at once, and nothing of it is made,', () => {
  test.each<[string, AskedZone, string, RegExp]>([
    [
      'for a sysctl that leads elsewhere',
      { kernelOptions: { sysctlParameters: [{ key: '../etc/passwd', value: '1' }] } },
      'spec.kernel_options.sysctl_parameters[0].key',
      /"..\/etc\/passwd" is no sysctl; names are such as net.ipv4.ip_forward/,
    ],
    [
      'for a name server that is no address',
      { networkOptions: { dnsConfig: { nameservers: ['9.9.9.9', 'dns.example'] } } },
      'spec.network_options.dns_config.nameservers[1]',
      /"dns.example" is no name server; give an IPv4 or IPv6 address/,
    ],
    [
      'for an addon that names no image',
      { addons: [{ digest: 'latest' }] },
      'spec.addons[0].digest',
      /latest/,
    ],
  ])('%s', async (_, spec, field, text) => {
    const known = await zoneIds();
    const refused = await stack.client
      .createZone({ spec })
      .catch((error: unknown) => ConnectError.from(error));
    if (!(refused instanceof ConnectError)) expect.unreachable('it was taken');
    expect(refused.code).toBe(Code.InvalidArgument);
    expect(refused.rawMessage).toMatch(text);
    const [details] = refused.findDetails(BadRequestSchema);
    expect(details?.fieldViolations.map((violation) => violation.field)).toEqual([field]);
    expect((await zoneIds()).filter((id) => !known.includes(id))).toEqual([]);
  });

  test('for an addon that nobody has pulled', async () => {
    const spec = { addons: [{ digest: `sha256:${'0'.repeat(64)}` }] };
    await expect(stack.client.createZone({ spec })).rejects.toMatchObject({
      code: Code.NotFound,
      rawMessage: expect.stringContaining('pull it first'),
    });
  });
});

test('--pull-overwrite-cache has the default kernel and ramdisk read anew', async () => {
  /** Numbers of the files that zones boot from: another number is another file. */
  const files = async () => {
    const folders = (await readdir(stack.paths.bootCache)).filter((name) => /^(kernel|initrd)-/.test(name));
    const paths = folders.map((name) =>
      join(stack.paths.bootCache, name, name.startsWith('kernel-') ? 'vmlinux' : 'initrd.cpio'),
    );
    return (await Promise.all(paths.map((path) => stat(path)))).map(({ ino }) => ino);
  };
  const first = await files();
  expect(first).toHaveLength(2);
  const launched = await stack.output('zone', 'launch', '-M', '160', '--wait', '--pull-overwrite-cache');
  expect((await files()).filter((file) => first.includes(file))).toEqual([]);
  await destroyZone(stack.client, launched);
});

test('destroying the zones leaves the host as it was', async () => {
  await Promise.all([plain, zone].map(({ id }) => destroyZone(stack.client, id)));
  expect(await leftBehindBy(stack, before)).toEqual({});
});
