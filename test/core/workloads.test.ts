import { expect } from 'vitest';
import { coreTest } from './core-test.ts';
import {
  destroyAllZones,
  launchWorkload,
  launchZone,
  listWorkloads,
  output,
  runWorkload,
  said,
} from './guests.ts';

const stays = ['sleep', '100000'];
const diskCount = 12;
/** Commands at the same time: each is a program that a small host has to start. */
const launchesAtOnce = 4;

/** One zone for the whole file. */
const test = coreTest.extend('zone', { scope: 'file' }, ({ host }) => launchZone(host, 'workloads'));

test('an attached launch gives the workload’s output, errors and exit code', async ({ host, zone }) => {
  const result = await runWorkload(host, zone, ['sh', '-c', 'echo out; echo err >&2; exit 3']);
  // A pull that takes its time tells of it there first.
  const stderr = expect.stringMatching(/(^|\n)err\n$/);
  expect(result, said(result)).toMatchObject({ exitCode: 3, stdout: 'out\n', stderr });
});

test('the log of a workload that has ended has both of its streams', async ({ host, zone }) => {
  const id = await launchWorkload(host, zone, 'brief', ['sh', '-c', 'echo out; echo err >&2']);
  const followed = await host.protect(['workload', 'logs', '--follow', id]);
  const printed = await host.protect(['workload', 'logs', id]);
  for (const result of [followed, printed]) {
    expect(result, said(result)).toMatchObject({ exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
  }
});

test('exec gives the command’s own exit code, input, output and errors', async ({ host, zone }) => {
  await launchWorkload(host, zone, 'worker', stays);
  const command = ['sh', '-c', 'tr a-z A-Z; echo complaint >&2; exit 37'];
  const result = await host.protect(['workload', 'exec', 'worker', '--', ...command], { input: 'input' });
  expect(result, said(result)).toMatchObject({ exitCode: 37, stdout: 'INPUT', stderr: 'complaint\n' });
});

test('what is typed into an attached workload comes back, and the end of input ends it', async ({
  host,
  zone,
}) => {
  const launch = ['workload', 'launch', '--attach', '--zone', zone, host.image];
  await using attached = host.start([...launch, 'sh', '-c', 'cat; echo eof']);
  for (const text of ['first', 'second']) {
    attached.write(`${text}\n`);
    expect(await attached.line(/./)).toBe(text);
  }
  attached.endInput();
  const result = await attached.end();
  expect(result, said(result)).toMatchObject({ exitCode: 0, stdout: 'first\nsecond\neof\n' });
});

test('a follower of the log sees lines as they come, and the end', async ({ host, zone }) => {
  const script = 'echo begun; until [ -e /tmp/go ]; do usleep 100000; done; echo ended';
  const id = await launchWorkload(host, zone, 'followed', ['sh', '-c', script]);
  await using follower = host.start(['workload', 'logs', '--follow', id]);
  expect(await follower.line(/./)).toBe('begun');
  await output(host, ['workload', 'exec', id, 'touch', '/tmp/go']);
  expect(await follower.line(/./)).toBe('ended');
  expect(await follower.end()).toMatchObject({ exitCode: 0 });
});

test('a workload that a stop had to kill ends with 137, and can be started again', async ({ host, zone }) => {
  const script = 'echo begun; [ ! -e /tmp/again ] || exit 4; touch /tmp/again; exec sleep 100000';
  const id = await launchWorkload(host, zone, 'stopped', ['sh', '-c', script]);
  // PID 1 of a namespace ignores SIGTERM unless it handles it.
  await output(host, ['workload', 'stop', '--timeout', '1', id]);
  const stopped = await host.protect(['workload', 'attach', id]);
  expect(stopped, said(stopped)).toMatchObject({ exitCode: 137 });
  await output(host, ['workload', 'start', id]);
  const again = await host.protect(['workload', 'attach', id]);
  expect(again, said(again)).toMatchObject({ exitCode: 4 });
  expect(await output(host, ['workload', 'logs', id])).toBe('begun\nbegun\n');
});

test(`each of ${diskCount} workloads of one zone finds its root disk`, async ({ host, zone }) => {
  for (const { id } of await listWorkloads(host)) await output(host, ['workload', 'destroy', '--wait', id]);
  const names = Array.from({ length: diskCount }, (_, index) => `disk-${index}`);
  while (names.length > 0) {
    const batch = names.splice(0, launchesAtOnce);
    await Promise.all(batch.map((name) => launchWorkload(host, zone, name, stays)));
  }
  const states = (await listWorkloads(host)).map(({ status }) => status.state);
  expect(states).toEqual(Array(diskCount).fill('WORKLOAD_STATE_RUNNING'));
});

test('a workload that was destroyed is listed no more, and its name means nothing', async ({
  host,
  zone,
}) => {
  const id = await launchWorkload(host, zone, 'short-lived', stays);
  await output(host, ['workload', 'destroy', '--wait', id]);
  expect((await listWorkloads(host)).map(({ id }) => id)).not.toContain(id);
  const exec = await host.protect(['workload', 'exec', 'short-lived', 'true']);
  expect(exec, said(exec)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('short-lived') });
});

test('destroying the zone ends its workloads and leaves the host as it was', async ({ host }) => {
  await destroyAllZones(host);
  expect(await listWorkloads(host)).toEqual([]);
  expect(await host.leftovers()).toEqual({});
});
