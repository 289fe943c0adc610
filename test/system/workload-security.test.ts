import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  IdOrNameValueSchema,
  ProcessNamespace,
  WorkloadSecuritySpecSchema,
  type Zone,
} from '@protect/proto/control-common';
import { BadRequestSchema } from '@protect/proto/error-details';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroyWorkload, destroyZone, execute, launchZone, listWorkloads, pullImage } from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { type AskedWorkload, beginWorkload, type Place, runScript } from './run-workload.ts';
import { startStack, type TestStack } from './stack.ts';

type Security = MessageInitShape<typeof WorkloadSecuritySpecSchema>;

/** Docker's fourteen capabilities, all of Linux 6.1's, and some of them. */
const defaultMask = 'a80425fb';
const allMask = '1ffffffffff';
const sysTime = 25n;
const netAdmin = 12n;
const chown = 0n;

let stack: TestStack;
let zone: Zone;
let place: Place;
let before: HostSnapshot;

beforeAll(async () => {
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  const digest = await pullImage(stack.client, await busyboxImage());
  zone = await launchZone(stack.client, { name: 'secured', initialResources: { maxMemory: 256n } });
  place = { zoneId: zone.id, digest };
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

const workloadIds = async () => (await listWorkloads(stack.client)).map(({ id }) => id);

/** What a script says that runs as a workload of its own with this security. */
const inside = (script: string, security: Security = {}, asked: AskedWorkload = {}) =>
  runScript(stack.client, place, script, {
    ...asked,
    security: create(WorkloadSecuritySpecSchema, security),
  });

/** Lines of /proc/PID/status by their names; capabilities without leading zeros. */
function statusOf(text: string): Record<string, string> {
  const lines = [...text.matchAll(/^(Cap\w+|NoNewPrivs|Seccomp):\t0*(\w+)$/gm)];
  return Object.fromEntries(lines.map(([, name = '', value]) => [name, value ?? '']));
}

const mask = (base: string, { with: more = [], without = [] }: { with?: bigint[]; without?: bigint[] }) => {
  const start = more.reduce((bits, bit) => bits | (1n << bit), BigInt(`0x${base}`));
  return without.reduce((bits, bit) => bits & ~(1n << bit), start).toString(16);
};

describe('a workload that asks for nothing', () => {
  test('has Docker’s capabilities, none that pass on, a system call filter, and may gain privileges', async () => {
    expect(statusOf(await inside('cat /proc/self/status'))).toMatchObject({
      CapInh: '0',
      CapPrm: defaultMask,
      CapEff: defaultMask,
      CapBnd: defaultMask,
      CapAmb: '0',
      NoNewPrivs: '0',
      Seccomp: '2',
    });
  });

  test('does not see the zone’s kernel memory, keys and firmware', async () => {
    const said = await inside(
      'cat /proc/kcore /proc/keys /proc/timer_list | wc -c; ls /sys/firmware /proc/acpi /proc/scsi 2>/dev/null | grep -v : | wc -w',
    );
    expect(said).toBe('0\n0\n');
  });

  test('writes nothing to the kernel’s settings, the devices’, the control groups’, or the zone’s resolver', async () => {
    const files = [
      ...['/proc/sys/vm/swappiness', '/proc/sysrq-trigger', '/proc/irq/default_smp_affinity'],
      ...['/sys/kernel/mm/ksm/run', '/sys/fs/cgroup/pids.max', '/etc/resolv.conf'],
    ];
    const said = await inside(`for f in ${files.join(' ')}; do (echo 1 >>$f) 2>&1; done; true`);
    expect(said.trim().split('\n')).toEqual(
      files.map((file) => expect.stringMatching(`${file}: Read-only file system`)),
    );
    const mounts = await inside('cut -d" " -f2,4 /proc/self/mounts');
    for (const folder of ['/sys', '/sys/fs/cgroup', '/proc/sys', '/etc/resolv.conf']) {
      expect(mounts).toMatch(new RegExp(`^${folder} ro,`, 'm'));
    }
    expect(mounts).toMatch(/^\/proc rw,nosuid,nodev,noexec/m);
  });

  test('has the usual devices and can make no others', async () => {
    const said = await inside(
      'ls /dev | xargs; mknod /tmp/disk b 8 0 2>&1; head -c 1 /tmp/disk 2>&1; mknod /tmp/port c 1 4 2>&1; head -c 1 /tmp/port 2>&1; true',
    );
    const [devices, ...refusals] = said.trim().split('\n');
    expect(devices).toBe('core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero');
    expect(refusals.length).toBeGreaterThan(0);
    for (const refusal of refusals) expect(refusal).toContain('Operation not permitted');
  });

  test('makes no mounts and no namespaces, sets no clock and no host name', async () => {
    const attempts = [
      'mount -t tmpfs none /mnt',
      'unshare -r true',
      'unshare -n true',
      '! date -s 2001-01-01 2>&1 | grep "not permitted"',
      'hostname x',
    ];
    const script = attempts
      .map((attempt, index) => `${attempt} >/dev/null 2>&1 && echo attempt ${index} succeeded`)
      .join('; ');
    expect(await inside(`mkdir /mnt; ${script}; true`)).toBe('');
  });
});

describe('capabilities', () => {
  test('are raised and dropped by name in any case, with or without CAP_', async () => {
    const raised = { raiseCapabilities: ['sys_time', 'CAP_NET_ADMIN'], dropCapabilities: ['cap_chown'] };
    const said = statusOf(await inside('cat /proc/self/status', raised));
    const expected = mask(defaultMask, { with: [sysTime, netAdmin], without: [chown] });
    expect(said).toMatchObject({
      CapEff: expected,
      CapPrm: expected,
      CapBnd: expected,
      CapInh: '0',
      CapAmb: '0',
    });
  });

  test('that were raised can be used: the filter lets their calls pass', async () => {
    const raised = { raiseCapabilities: ['SYS_ADMIN'] };
    expect(
      await inside('mkdir /mnt; mount -t tmpfs none /mnt; unshare -n true; stat -f -c %T /mnt', raised),
    ).toBe('tmpfs\n');
  });

  test('reach a user other than root only when they are ambient', async () => {
    const user = create(IdOrNameValueSchema, { idOrName: { case: 'name', value: 'user' } });
    const ambient = { raiseAmbientCapabilities: ['NET_ADMIN'] };
    const said = statusOf(await inside('cat /proc/self/status', ambient, { process: { user } }));
    const only = (1n << netAdmin).toString(16);
    expect(said).toMatchObject({ CapEff: only, CapAmb: only, CapInh: only });
    const raised = { raiseCapabilities: ['NET_ADMIN'] };
    expect(statusOf(await inside('cat /proc/self/status', raised, { process: { user } }))).toMatchObject({
      CapEff: '0',
    });
  });

  test('all dropped leave those that were raised by name, and no others', async () => {
    const one = { raiseCapabilities: ['ALL', 'CHOWN'], dropCapabilities: ['ALL'] };
    const said = statusOf(await inside('cat /proc/self/status', one));
    expect(said).toMatchObject({ CapEff: '1', CapPrm: '1', CapBnd: '1', CapAmb: '0' });
  });
});

test('no_new_privs is set, and so it is for commands in the workload, with the same rights', async () => {
  const security = { noNewPrivs: true, dropCapabilities: ['CHOWN'] };
  const id = await beginWorkload(stack.client, place, ['sleep', '100000'], { security });
  const read = async (pid: string) =>
    statusOf((await execute(stack.client, { workloadId: id }, ['cat', `/proc/${pid}/status`])).stdout);
  const expected = mask(defaultMask, { without: [chown] });
  for (const pid of ['1', 'self']) {
    expect(await read(pid)).toMatchObject({
      NoNewPrivs: '1',
      Seccomp: '2',
      CapEff: expected,
      CapBnd: expected,
    });
  }
  await destroyWorkload(stack.client, id);
});

test('under a read-only root only what is mounted can be written', async () => {
  const script =
    'for f in /x /etc/hosts /etc/hostname /tmp/x /dev/shm/x /data/x; do (: >$f) 2>/dev/null && echo $f; done; true';
  const asked = { scratchMount: [{ path: '/data' }] };
  expect(await inside(script, { readOnlyRootfs: true }, asked)).toBe('/dev/shm/x\n/data/x\n');
  expect(await inside(script, {}, asked)).toBe(
    '/x\n/etc/hosts\n/etc/hostname\n/tmp/x\n/dev/shm/x\n/data/x\n',
  );
});

test('a privileged workload has all of the zone: capabilities, devices, settings, and no filter', async () => {
  const said = await inside(
    'cat /proc/self/status; ls /dev; head -c 4 /proc/kcore | tail -c 3; cat /proc/sys/vm/swappiness >/tmp/s && cat /tmp/s >/proc/sys/vm/swappiness && echo set; cut -d" " -f2,4 /proc/self/mounts',
    { privileged: true },
  );
  expect(statusOf(said)).toMatchObject({ CapEff: allMask, CapBnd: allMask, Seccomp: '0' });
  expect(said).toMatch(/^sda$/m);
  expect(said).toMatch(/ELFset$/m);
  expect(said).toMatch(/^\/sys rw,/m);
});

describe('namespaces', () => {
  const kinds = ['pid', 'ipc', 'uts', 'cgroup', 'mnt', 'net', 'user', 'time'] as const;
  const look = `for n in ${kinds.join(' ')}; do readlink /proc/self/ns/$n; done`;

  /** Which namespaces of a workload are the zone's. */
  async function shared(security: Security): Promise<string[]> {
    const id = await beginWorkload(stack.client, place, ['sleep', '100000'], {
      security: create(WorkloadSecuritySpecSchema, security),
    });
    const busybox = `/run/protect/workloads/${id}/rootfs/bin/busybox`;
    const own = await execute(stack.client, { workloadId: id }, ['sh', '-c', look]);
    const ofZone = await execute(stack.client, { zoneId: zone.id }, [
      busybox,
      'sh',
      '-c',
      look.replace('readlink', `${busybox} readlink`),
    ]);
    await destroyWorkload(stack.client, id);
    const lines = ofZone.stdout.trim().split('\n');
    expect(lines).toHaveLength(kinds.length);
    return own.stdout
      .trim()
      .split('\n')
      .flatMap((line, index) => (line === lines[index] ? [kinds[index] ?? ''] : []));
  }

  test('are its own but for the network, the users and the time', async () => {
    expect(await shared({})).toEqual(['net', 'user', 'time']);
  });

  test('that are disabled are the zone’s, one by one', async () => {
    const { PID, IPC, UTS, CGROUP } = ProcessNamespace;
    expect(await shared({ disableNamespaces: [IPC, UTS] })).toEqual(['ipc', 'uts', 'net', 'user', 'time']);
    expect(await shared({ disableNamespaces: [PID, CGROUP] })).toEqual([
      'pid',
      'cgroup',
      'net',
      'user',
      'time',
    ]);
  });

  test('all disabled are the zone’s but for the mounts: it sees init, the zone’s name and where its group is', async () => {
    const all = { disableAllNamespaces: true };
    expect(await shared(all)).toEqual(kinds.filter((kind) => kind !== 'mnt'));
    expect(await inside('cat /proc/1/comm; hostname; cut -d/ -f2 /proc/self/cgroup', all)).toBe(
      'init\nsecured\nprotect\n',
    );
    expect(await inside('cat /proc/self/cgroup')).toBe('0::/\n');
  });
});

describe('it is refused at once, and nothing of it is made,', () => {
  test.each<[string, Security, string, RegExp]>([
    [
      'for a capability that there is not',
      { raiseCapabilities: ['NET_ADMIN', 'CAP_FLY'] },
      'spec.security.raise_capabilities[1]',
      /no capability "CAP_FLY"; names are such as NET_ADMIN or ALL/,
    ],
    [
      'for dropping one that there is not',
      { dropCapabilities: ['EVERYTHING'] },
      'spec.security.drop_capabilities[0]',
      /no capability "EVERYTHING"/,
    ],
    [
      'for the zone’s mounts',
      { disableNamespaces: [ProcessNamespace.MOUNT] },
      'spec.security.disable_namespaces[0]',
      /mount namespace cannot be shared.*leave it out/,
    ],
  ])('%s', async (_, security, field, text) => {
    const known = await workloadIds();
    const refused = await inside('true', security).catch((error: unknown) => ConnectError.from(error));
    if (typeof refused === 'string') expect.unreachable('it was taken');
    expect(refused.code).toBe(Code.InvalidArgument);
    expect(refused.rawMessage).toMatch(text);
    const [details] = refused.findDetails(BadRequestSchema);
    expect(details?.fieldViolations.map((violation) => violation.field)).toEqual([field]);
    expect((await workloadIds()).filter((id) => !known.includes(id))).toEqual([]);
  });

  test.each<[string, AskedWorkload]>([
    ['security.strict_user_namespace', { security: { strictUserNamespace: true } }],
    ['mounts', { mounts: [{ hostPath: '/srv', targetPath: '/srv' }] }],
    ['block_devices', { blockDevices: [{ devicePath: '/dev/sdx', targetPath: '/data' }] }],
    ['pci_devices', { pciDevices: [{ location: '0000:01:00.0' }] }],
  ])('for %s, which is not there yet', async (field, asked) => {
    const refused = await runScript(stack.client, place, 'true', asked).catch(ConnectError.from);
    expect(refused).toMatchObject({ code: Code.Unimplemented, rawMessage: expect.stringContaining(field) });
  });
});

test('destroying the zone leaves the host as it was', async () => {
  await destroyZone(stack.client, zone.id);
  expect(await leftBehindBy(stack, before)).toEqual({});
});
