import { existsSync, readdirSync } from 'node:fs';
import { readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BusMessage, connectNats, type NatsLink } from '@protect/bus/nats';
import { readCredentials, readServerAddress } from '@protect/bus/server-address';
import { everyEvent } from '@protect/bus/subjects';
import { parseWorkloadId, parseZoneId, type ZoneId } from '@protect/config/ids';
import { ZoneState } from '@protect/proto/control-common';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { logTail } from '../../scripts/stack/log-file.ts';
import {
  destroyZone,
  eventually,
  execute,
  launchWorkload,
  launchZone,
  listWorkloads,
  listZones,
  workloadEnd,
} from './guests.ts';
import { type HostSnapshot, leftBehindBy, snapshotHost } from './host-snapshot.ts';
import { busyboxImage } from './images.ts';
import { countingScript, expectWhole } from './numbered-lines.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;
let before: HostSnapshot;
let nats: NatsLink;
let events: BusMessage[] = [];
let zoneId: ZoneId;
let domid: number;
let workloadId: string;

beforeAll(async () => {
  const image = await busyboxImage();
  stack = await startStack();
  before = await snapshotHost(stack.state, stack.netns);
  const [{ url }, credentials] = await Promise.all([
    readServerAddress(stack.paths),
    readCredentials(stack.paths, 'reader'),
  ]);
  nats = await connectNats({ url, ...credentials, name: 'test', onEvent: () => undefined });
  nats.subscribe(everyEvent, undefined, (message) => events.push(message));
  await nats.flush();
  const zone = await launchZone(stack.client, { name: 'kept' });
  zoneId = parseZoneId(zone.id) ?? fail(`not a zone id: ${zone.id}`);
  domid = zone.status?.domid ?? 0;
  workloadId = await launchWorkload(stack.client, zoneId, image, ['sh', '-c', countingScript(20)], {
    name: 'counter',
  });
  const copy = stack.paths.workloadRecord(zoneId, parseWorkloadId(workloadId) ?? fail('no id'));
  await copied(copy, 'running');
});

beforeEach(() => {
  events = [];
});

afterAll(async () => {
  await nats?.close();
  await stack?.[Symbol.asyncDispose]();
});

/** Kills the daemon, has something happen to its state, and starts it again. */
async function meanwhile(happens: () => Promise<void>): Promise<void> {
  await stack.services.daemon.kill9();
  await happens();
  await stack.services.daemon.restart();
}

/** Settles when the copy of a record has this state; it follows the database, which alone is waited for by answers. */
async function copied(path: string, state: string): Promise<void> {
  await eventually(stack.client, `${state} in ${path}`, async () =>
    (await readFile(path, 'utf8')).includes(`"state":"${state}"`) ? true : undefined,
  );
}

async function loseDatabase(): Promise<void> {
  const path = stack.paths.database('daemon');
  for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true });
}

async function expectAdopted(): Promise<void> {
  // One that was destroyed may be listed so for a moment.
  const zones = await listZones(stack.client);
  const [zone, ...others] = zones.filter(({ status }) => status?.state !== ZoneState.DESTROYED);
  expect(others).toEqual([]);
  expect(zone).toMatchObject({ id: zoneId, spec: { name: 'kept' } });
  expect(zone?.status).toMatchObject({ state: ZoneState.READY, domid });
  expect((await listWorkloads(stack.client)).map(({ id }) => id)).toEqual([workloadId]);
  expect(await execute(stack.client, { workloadId }, ['echo', 'here'])).toMatchObject({ stdout: 'here\n' });
}

/** Settles once it was told that an object came to a state that the database had lost. */
async function toldRecovered(subject: string): Promise<void> {
  await eventually(stack.client, `${subject}, recovered`, async () => {
    const told = events.filter((event) => event.subject === subject);
    return told.some(({ data }) => Buffer.from(data).toString().includes('"recovered":true'))
      ? true
      : undefined;
  });
}

test('a lost database: zone and workload are adopted from their folders, and it is told', async () => {
  await meanwhile(loseDatabase);
  await expectAdopted();
  await toldRecovered(`protect.events.zone.${zoneId}.ready`);
  await toldRecovered(`protect.events.workload.${workloadId}.running`);
  expect(logTail(stack.paths.log('daemon'), 200)).toContain('was recovered from its folder');
});

test('a database of garbage is put aside, and the rest is as if it were lost', async () => {
  const path = stack.paths.database('daemon');
  await meanwhile(async () => {
    await loseDatabase();
    await writeFile(path, 'garbage '.repeat(10_000));
  });
  await expectAdopted();
  const aside = readdirSync(join(path, '..')).find((name) => name.startsWith('daemon.db.damaged-'));
  expect(logTail(stack.paths.log('daemon'), 200)).toContain(`put aside as ${join(path, '..', aside ?? '?')}`);
});

test('a torn journal: a zone whose commits were lost is adopted from its folder', async () => {
  const journal = `${stack.paths.database('daemon')}-wal`;
  const { size } = await stat(journal);
  const late = await launchZone(stack.client, { name: 'late' });
  await copied(stack.paths.zoneRecord(parseZoneId(late.id) ?? fail('no id')), 'ready');
  // Within the first frame of all that has been written since.
  await meanwhile(() => truncate(journal, size + 100));
  await toldRecovered(`protect.events.zone.${late.id}.ready`);
  const zone = (await listZones(stack.client)).find(({ id }) => id === late.id);
  expect(zone?.status).toMatchObject({ state: ZoneState.READY, domid: late.status?.domid });
  await destroyZone(stack.client, late.id);
  await expectAdopted();
});

test('the workload’s output is complete and once only', async () => {
  await execute(stack.client, { workloadId }, ['touch', '/tmp/end']);
  expect(await workloadEnd(stack.client, workloadId)).toBe(0);
  expectWhole(await stack.output('workload', 'logs', workloadId));
});

test('a zone whose folder does not tell is taken down as an orphan, and it is told', async () => {
  const orphan = parseZoneId((await launchZone(stack.client, { name: 'orphan' })).id) ?? fail('no id');
  await meanwhile(async () => {
    await loseDatabase();
    await rm(stack.paths.zoneRecord(orphan));
  });
  await toldRecovered(`protect.events.zone.${orphan}.destroyed`);
  await eventually(stack.client, 'the folder gone', async () =>
    existsSync(stack.paths.zone(orphan)) ? undefined : true,
  );
  expect((await listZones(stack.client)).map(({ id }) => id)).toEqual([zoneId]);
});

test('destroying the zone leaves the host as it was', async () => {
  await destroyZone(stack.client, zoneId);
  expect(await leftBehindBy(stack, before)).toEqual({});
});

function fail(why: string): never {
  throw new Error(why);
}
