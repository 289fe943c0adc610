import { expect } from 'vitest';
import { coreTest } from './core-test.ts';
import {
  addressesOf,
  destroyAllZones,
  destroyZone,
  endedZone,
  launchWorkload,
  launchZone,
  listedZone,
  listZones,
  output,
  runWorkload,
  said,
  zoneLaunch,
} from './guests.ts';

/** Two zones for the whole file, the first with all messages of its kernel. */
const test = coreTest
  .extend('both', { scope: 'file' }, ({ host }) =>
    Promise.all([launchZone(host, 'one', '--kernel-verbose'), launchZone(host, 'two')]),
  )
  .extend('one', { scope: 'file' }, ({ both }) => both[0])
  .extend('two', { scope: 'file' }, ({ both }) => both[1]);

test('a zone that was launched is listed as ready, with addresses, and with metrics from both its sides', async ({
  host,
  one,
}) => {
  const zone = await listedZone(host, one);
  expect(zone).toMatchObject({ spec: { name: 'one' }, status: { state: 'ZONE_STATE_READY' } });
  expect(addressesOf(zone)).toEqual([expect.stringMatching(/^10\./), expect.stringMatching(/^fd/)]);
  expect(await output(host, ['zone', 'list', '-o', 'simple'])).toContain(`${one}\tready\tone\t10.`);
  const metrics = await output(host, ['zone', 'metrics', one, '-o', 'key-value']);
  const pairs = metrics.split(' ').map((pair) => pair.split('='));
  const value = (path: string) =>
    Number(pairs.find(([key]) => key === `zone.${path}`)?.[1]?.replaceAll('"', ''));
  expect(value('system.memory.used'), metrics).toBeGreaterThan(0);
  expect(value('hypervisor.memory.max'), metrics).toBeGreaterThan(value('system.memory.used'));
  expect(value('hypervisor.cpu.time'), metrics).toBeGreaterThan(0);
  expect(value('hypervisor.cpu.online'), metrics).toBe(value('system.cpu.online'));
});

test('a zone runs a kernel of its own', async ({ host, one, two }) => {
  const bootId = '/proc/sys/kernel/random/boot_id';
  const boots = [await host.execOnHost(['cat', bootId])];
  for (const zone of [one, two]) boots.push(await runWorkload(host, zone, ['cat', bootId]));
  for (const boot of boots) expect(boot, said(boot)).toMatchObject({ exitCode: 0 });
  expect(new Set(boots.map(({ stdout }) => stdout)).size).toBe(3);
});

test('a command runs in the zone itself, next to its workloads', async ({ host, one }) => {
  expect(await output(host, ['zone', 'exec', one, 'crun', '--version'])).toContain('crun version');
});

test('a name that several zones have means the newest', async ({ host, one }) => {
  const other = (await output(host, ['zone', 'launch', '--name', 'one'])).trim();
  expect(await output(host, ['zone', 'resolve', 'one'])).toBe(`${other}\n`);
  await destroyZone(host, other);
  expect(await output(host, ['zone', 'resolve', 'one'])).toBe(`${one}\n`);
});

test('what is misspelt or unknown is named, with the exit code of its kind', async ({ host, one }) => {
  const refusals: readonly [readonly string[], number, string][] = [
    [['zone', 'lunch'], 2, 'launch'],
    [['zone', 'launch', '--target-memory', 'lots'], 2, 'lots'],
    [['zone', 'exec', 'nobody', 'true'], 1, 'nobody'],
    [['zone', 'exec', one, 'no-such-program'], 1, 'cannot be run'],
    [['workload', 'launch', '--zone', one, host.image, 'no-such-program'], 1, 'no-such-program'],
    [['workload', 'launch', '--zone', one, 'oci:/no/such/layout'], 1, '/no/such/layout'],
  ];
  for (const [args, exitCode, text] of refusals) {
    const result = await host.protect(args);
    expect(result, said(result)).toMatchObject({ exitCode, stderr: expect.stringContaining(text) });
  }
});

test('zones reach each other in both families', async ({ host, one, two }) => {
  const addresses = addressesOf(await listedZone(host, two));
  expect(addresses).toHaveLength(2);
  for (const address of addresses) {
    const ping = await runWorkload(host, one, ['ping', '-c', '1', '-W', '20', address]);
    expect(ping, said(ping)).toMatchObject({ exitCode: 0 });
  }
});

test('the messages between a zone and the daemon can be watched', async ({ host, one }) => {
  await using snoop = host.start(['host', 'idm-snoop', '-o', 'jsonl']);
  const packet = snoop.line(/"command":\["crun","--version"\]/);
  let seen = false;
  void packet.then(
    () => (seen = true),
    () => (seen = true),
  );
  // Nothing tells when the watch is in place.
  while (!seen) await output(host, ['zone', 'exec', one, 'crun', '--version']);
  expect(JSON.parse(await packet)).toMatchObject({ to: one, packet: { form: 'stream-request' } });
});

test('a workload writes to a scratch disk of the size that was asked for', async ({ host }) => {
  const zone = await launchZone(host, 'scratch', '--create-scratch-disk', '512');
  await launchWorkload(host, zone, 'writer', ['sleep', '100000']);
  const writer = (...command: string[]) => output(host, ['workload', 'exec', 'writer', ...command]);
  const mib = Number(/^\S+\s+(\d+)/.exec((await writer('df', '-m', '/')).split('\n')[1] ?? '')?.[1]);
  expect(mib).toBeGreaterThan(430);
  expect(mib).toBeLessThanOrEqual(512);
  const file =
    'head -c 4194304 /dev/urandom | tee /file | md5sum; sync; echo 3 >/proc/sys/vm/drop_caches; md5sum </file';
  const [written, read] = (await writer('sh', '-c', file)).trimEnd().split('\n');
  expect(read).toBe(written);
  await destroyZone(host, zone);
});

test('a zone that powers itself off has exited, and its log is kept from the kernel’s first words on', async ({
  host,
  one,
}) => {
  const id = await launchWorkload(host, one, 'program', ['sleep', '100000']);
  // The zone itself has no such program, but sees those of its workloads.
  const busybox = `/run/protect/workloads/${id}/rootfs/bin/busybox`;
  await host.protect(['zone', 'exec', one, busybox, 'poweroff', '-f']);
  expect((await endedZone(host, one)).status).toMatchObject({
    state: 'ZONE_STATE_EXITED',
    exitStatus: { code: 0 },
  });
  expect(await output(host, ['zone', 'logs', one])).toMatch(/Linux version \d.*protect-init: /s);
});

test('a zone whose machine was ended from outside has failed and says why', async ({ host, two }) => {
  await host.endMachine((await listedZone(host, two)).status.domid);
  const { status } = await endedZone(host, two);
  expect(status.state).toBe('ZONE_STATE_FAILED');
  expect(status.errorStatus?.message).toMatch(host.endedOutside);
});

test('a launch whose kernel panics fails and says so, and the log shows the panic', async ({ host }) => {
  const words = ['--kernel-verbose', '--kernel-cmdline-append', 'rdinit=/nonexistent'];
  const launch = await host.protect([...zoneLaunch('panics'), ...words]);
  expect(launch, said(launch)).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/panic|crash/) });
  expect(await output(host, ['zone', 'logs', 'panics'])).toContain('Kernel panic');
});

test('destroying all zones leaves the host as it was', async ({ host }) => {
  await destroyAllZones(host);
  expect(await listZones(host)).toEqual([]);
  expect(await host.leftovers()).toEqual({});
});
