import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { IdOrNameValueSchema, type Zone } from '@protect/proto/control-common';
import { BadRequestSchema } from '@protect/proto/error-details';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { destroyWorkload, destroyZone, execute, launchZone, listWorkloads, pullImage } from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { type AskedWorkload, beginWorkload, type Place, printedBy, runScript } from './run-workload.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;
let zone: Zone;
let place: Place;
let before: HostSnapshot;

beforeAll(async () => {
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  const digest = await pullImage(stack.client, await busyboxImage());
  zone = await launchZone(stack.client, { name: 'options', initialResources: { maxMemory: 256n } });
  place = { zoneId: zone.id, digest };
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

const workloadIds = async () => (await listWorkloads(stack.client)).map(({ id }) => id);

/** What a script says that runs as a workload of its own. */
const inside = (script: string, asked?: AskedWorkload) => runScript(stack.client, place, script, asked);
const named = (value: string) => create(IdOrNameValueSchema, { idOrName: { case: 'name', value } });
const numbered = (value: number) => create(IdOrNameValueSchema, { idOrName: { case: 'id', value } });

describe('a workload runs as', () => {
  test('a user by name, with that account’s groups and home', async () => {
    const said = await inside('id -un; id -gn; id -Gn | xargs -n1 | sort | xargs; echo $HOME', {
      process: { user: named('user') },
    });
    expect(said).toBe('user\nuser\nuser video\n/home/user\n');
  });

  test('a user and a group by name, with further groups by number', async () => {
    const process = { user: named('daemon'), group: named('tty'), additionalGids: [44n, 4242n] };
    expect(await inside('id -u; id -g; grep Groups /proc/self/status', { process })).toBe(
      '1\n5\nGroups:\t5 44 4242 \n',
    );
  });

  test('numbers that have no account', async () => {
    const process = { user: numbered(4321), group: numbered(8765) };
    expect(await inside('id -u; id -g', { process })).toBe('4321\n8765\n');
  });

  test('root without further groups when nobody says otherwise', async () => {
    expect(await inside('id -u; id -g; grep Groups /proc/self/status')).toBe('0\n0\nGroups:\t0 \n');
  });
});

test('its environment, folder and host name are those asked for, the name in its files too', async () => {
  const said = await inside('hostname; cat /etc/hostname; echo $HOSTNAME $MY; pwd; cat /etc/hosts', {
    hostname: 'web-1.lan',
    process: { environment: [{ key: 'MY', value: 'a=b c' }], workingDirectory: '/usr/bin' },
  });
  expect(said).toMatch(/^web-1\.lan\nweb-1\.lan\nweb-1\.lan a=b c\n\/usr\/bin\n/);
  expect(said).toMatch(/^10\.75\.\S+\tweb-1\.lan$/m);
});

test('its host name is the zone’s when none is asked for', async () => {
  expect(await inside('hostname')).toBe('options\n');
});

describe('limits of its control group', () => {
  const cgroupLimits = [
    { limitName: 'memory.max', value: '64M' },
    { limitName: 'memory.high', value: '50331648' },
    { limitName: 'memory.swap.max', value: '0' },
    { limitName: 'memory.oom.group', value: '1' },
    { limitName: 'pids.max', value: '20' },
    { limitName: 'cpu.max', value: '50000 100000' },
    { limitName: 'cpu.weight', value: '50' },
    { limitName: 'cpuset.cpus', value: '0' },
  ];

  test('stand in its files', async () => {
    const names = cgroupLimits.map(({ limitName }) => limitName);
    const said = await inside(`cd /sys/fs/cgroup; cat ${names.join(' ')}; nproc`, { cgroupLimits });
    expect(said).toBe('67108864\n50331648\n0\n1\n20\n50000 100000\n50\n0\n1\n');
  });

  test('hold: more processes than pids.max cannot be', async () => {
    const script = 'for i in $(seq 30); do sleep 60 & done; cat /sys/fs/cgroup/pids.current; kill $(jobs -p)';
    const limited = inside(script, { cgroupLimits: [{ limitName: 'pids.max', value: '10' }] });
    await expect(limited).rejects.toThrow(/can't fork/);
  });

  test('hold: more memory than memory.max ends it with SIGKILL', async () => {
    const limited = inside('head -c 100000000 /dev/zero | tail -c 90000000 | wc -c; exit 9', {
      cgroupLimits: [
        { limitName: 'memory.max', value: '16M' },
        { limitName: 'memory.swap.max', value: '0' },
        { limitName: 'memory.oom.group', value: '1' },
      ],
    });
    await expect(limited).rejects.toThrow(/ended with 137/);
  });
});

test('oom_score_adj is its own, and that of commands in it', async () => {
  const id = await beginWorkload(stack.client, place, ['sleep', '100000'], { oomScoreAdj: -500 });
  const { stdout } = await execute(stack.client, { workloadId: id }, [
    'cat',
    '/proc/1/oom_score_adj',
    '/proc/self/oom_score_adj',
  ]);
  expect(stdout).toBe('-500\n-500\n');
  expect(await inside('cat /proc/self/oom_score_adj')).toBe('0\n');
  await destroyWorkload(stack.client, id);
});

test('scratch mounts are on the zone’s scratch, also under a read-only root, and stay when it runs again', async () => {
  const scratchMount = [{ path: '/data' }, { path: '/var/lib/deep/er' }];
  const script =
    'grep -wE "/|/data|er" /proc/self/mounts | cut -d" " -f2,3; echo $(ls /data); echo >/data/left';
  const asked = { scratchMount, security: { readOnlyRootfs: true } };
  const workloadId = await beginWorkload(stack.client, place, ['sh', '-c', script], asked);
  const mounts = '/ overlay\n/data tmpfs\n/var/lib/deep/er tmpfs\n';
  expect(await printedBy(stack.client, workloadId)).toBe(`${mounts}\n`);
  await stack.client.startWorkload({ workloadId });
  expect(await printedBy(stack.client, workloadId)).toBe(`${mounts}\n${mounts}left\n`);
  await destroyWorkload(stack.client, workloadId);
});

test('a scratch mount can be written by a user other than root, as a temporary folder can', async () => {
  const asked = { scratchMount: [{ path: '/data' }], process: { user: named('user') } };
  expect(await inside('touch /data/mine; stat -c "%a %U" /data /data/mine', asked)).toBe(
    '1777 root\n644 user\n',
  );
});

test('annotations are told to everybody who asks', async () => {
  const annotations = [{ key: 'team', value: 'blue, “quoted” and\nlong' }];
  const id = await beginWorkload(stack.client, place, ['sleep', '100000'], { annotations });
  const { workload } = await stack.client.getWorkload({ workloadId: id });
  expect(workload?.spec?.annotations).toMatchObject(annotations);
  const listed = (await listWorkloads(stack.client)).find((one) => one.id === id);
  expect(listed?.spec?.annotations).toMatchObject(annotations);
  await destroyWorkload(stack.client, id);
});

test.each<[string, AskedWorkload, RegExp]>([
  ['no-such-program', {}, /`no-such-program` not found in \$PATH/],
  ['/etc/passwd', {}, /Permission denied/],
  ['true', { cgroupLimits: [{ limitName: 'io.max', value: '9:9 rbps=1' }] }, /`io.max`: No such device/],
  ['true', { cgroupLimits: [{ limitName: 'cpuset.cpus', value: '77' }] }, /`cpuset.cpus`/],
])(
  'what only its zone can find to be impossible it refuses at each start, with the reason: %s %j',
  async (program, asked, why) => {
    const known = await workloadIds();
    const refusal = { code: Code.FailedPrecondition, rawMessage: expect.stringMatching(why) };
    await expect(beginWorkload(stack.client, place, [program], asked)).rejects.toMatchObject(refusal);
    const [workloadId = ''] = (await workloadIds()).filter((id) => !known.includes(id));
    await expect(stack.client.startWorkload({ workloadId })).rejects.toMatchObject(refusal);
    await destroyWorkload(stack.client, workloadId);
  },
);

describe('it is refused at once, and nothing of it is made,', () => {
  test.each<[string, AskedWorkload, string, RegExp]>([
    [
      'for a user that the image does not have',
      { process: { user: named('nobody-here') } },
      'spec.process.user',
      /image has no user "nobody-here"; use a name of its \/etc\/passwd or a number/,
    ],
    [
      'for a group that the image does not have',
      { process: { group: named('strangers') } },
      'spec.process.group',
      /image has no group "strangers"; use a name of its \/etc\/group or a number/,
    ],
    [
      'for a group that is no number',
      { process: { additionalGids: [1n, 2n ** 40n] } },
      'spec.process.additional_gids[1]',
      /1099511627776 is no group id/,
    ],
    [
      'for a limit that there is not',
      { cgroupLimits: [{ limitName: 'memory.limit', value: '1' }] },
      'spec.cgroup_limits[0]',
      /no cgroup limit "memory.limit"; a zone has .*memory.max/,
    ],
    [
      'for a limit that cannot be so',
      { cgroupLimits: [{ limitName: 'memory.max', value: '64MB' }] },
      'spec.cgroup_limits[0]',
      /memory.max cannot be "64MB"; it takes bytes, such as 256M, or max/,
    ],
    [
      'for a score that the kernel does not take',
      { oomScoreAdj: -1001 },
      'spec.oom_score_adj',
      /-1001; it is from -1000 to 1000/,
    ],
    [
      'for a scratch mount that is no path',
      { scratchMount: [{ path: '../data' }] },
      'spec.scratch_mount[0].path',
      /"..\/data" is no plain absolute path/,
    ],
  ])('%s', async (_, asked, field, text) => {
    const known = await workloadIds();
    const refused = await inside('true', asked).then(
      () => undefined,
      (error: unknown) => ConnectError.from(error),
    );
    expect(refused?.code).toBe(Code.InvalidArgument);
    expect(refused?.rawMessage).toMatch(text);
    const [details] = refused?.findDetails(BadRequestSchema) ?? [];
    expect(details?.fieldViolations.map((violation) => violation.field)).toEqual([field]);
    expect((await workloadIds()).filter((id) => !known.includes(id))).toEqual([]);
  });

  test('for a command as a user that the image does not have', async () => {
    const id = await beginWorkload(stack.client, place, ['sleep', '100000']);
    async function* requests() {
      const process = { command: ['true'], user: named('nobody-here') };
      yield { request: { case: 'start' as const, value: { workloadId: id, process } } };
    }
    const call = async () => {
      for await (const _ of stack.client.executeZoneCommand(requests()));
    };
    const error = await call().catch((thrown: unknown) => ConnectError.from(thrown));
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect(error?.findDetails(BadRequestSchema)[0]?.fieldViolations[0]?.field).toBe('start.process.user');
    await destroyWorkload(stack.client, id);
  });
});

test('destroying the zone leaves the host as it was', async () => {
  await destroyZone(stack.client, zone.id);
  expect(await leftBehindBy(stack, before)).toEqual({});
});
