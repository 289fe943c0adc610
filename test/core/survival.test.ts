import { expect } from 'vitest';
import { countingScript, expectWhole } from '../system/numbered-lines.ts';
import { coreTest } from './core-test.ts';
import { destroyAllZones, endedZone, launchWorkload, launchZone, listedZone, output } from './guests.ts';

/** A zone with a workload that counts, for the whole file. */
const test = coreTest
  .extend('zone', { scope: 'file' }, ({ host }) => launchZone(host, 'survivor'))
  .extend('workload', { scope: 'file' }, ({ host, zone }) =>
    launchWorkload(host, zone, 'counter', ['sh', '-c', countingScript(50)]),
  );

test('a zone and its workload go on when the daemon is killed', async ({ host, zone, workload }) => {
  const { domid } = (await listedZone(host, zone)).status;
  await host.killDaemon();
  await host.startDaemon();
  expect((await listedZone(host, zone)).status).toMatchObject({ state: 'ZONE_STATE_READY', domid });
  expect(await output(host, ['workload', 'exec', workload, 'echo', 'here'])).toBe('here\n');
});

test('the output of that workload is complete and once only', async ({ host, workload }) => {
  await using follower = host.start(['workload', 'logs', '--follow', workload]);
  await follower.line(/^line /);
  await output(host, ['workload', 'exec', workload, 'touch', '/tmp/end']);
  expectWhole((await follower.end()).stdout);
});

test('a zone that ended while no daemon was there is found so, and destroying it leaves the host as it was', async ({
  host,
  zone,
}) => {
  const { domid } = (await listedZone(host, zone)).status;
  await host.killDaemon();
  await host.endMachine(domid);
  await host.startDaemon();
  expect((await endedZone(host, zone)).status).toMatchObject({
    state: 'ZONE_STATE_FAILED',
    errorStatus: { message: expect.stringContaining('gone') },
  });
  await destroyAllZones(host);
  expect(await host.leftovers()).toEqual({});
});
