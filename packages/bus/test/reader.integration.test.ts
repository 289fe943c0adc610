import { newZoneId } from '@protect/config/ids';
// As a tool from elsewhere would: the client library itself, with nothing of ours around it.
import { connect, DeliverPolicy, type NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/connection.ts';
import { publishEvent } from '../src/events.ts';
import { readCredentials, readServerAddress } from '../src/server-address.ts';
import { auditSubject, eventStream, idmSubject, zoneEventSubject } from '../src/subjects.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
let daemon: Bus;
let reader: NatsConnection;

beforeAll(async () => {
  stand = await openStand();
  daemon = await stand.connect('daemon');
  const { url } = await readServerAddress(stand.paths);
  const { user, password: pass } = await readCredentials(stand.paths, 'reader');
  reader = await connect({ servers: url, user, pass, inboxPrefix: '_INBOX_reader', noAsyncTraces: true });
});

afterAll(async () => {
  await reader.close();
  await stand[Symbol.asyncDispose]();
});

const zone = newZoneId();
let events = 0;

async function publish(state: string): Promise<void> {
  events += 1;
  await publishEvent(daemon, {
    id: `host-${events}`,
    subject: zoneEventSubject(zone, state),
    type: `protect.zone.${state}`,
    source: `/hosts/h/zones/${zone}`,
    time: new Date(),
    data: { id: zone, state },
  });
}

/** What nats-server refuses of an attempt. */
async function refusal(attempt: (connection: NatsConnection) => void): Promise<string> {
  const status = reader.status()[Symbol.asyncIterator]();
  attempt(reader);
  while (true) {
    const next = await status.next();
    if (next.done) return 'closed';
    const { permissionContext: refused } = next.value;
    if (refused) return `${refused.operation} ${refused.subject}`;
  }
}

test('reader: sees events, the audit and packets as they come', async () => {
  const [event, audit, packet] = ['protect.events.>', 'protect.audit.>', 'protect.idm.>'].map((subject) =>
    reader.subscribe(subject, { max: 1 }),
  );
  await reader.flush();
  await publish('ready');
  daemon.publish(auditSubject('GetZone'), Buffer.from('{}'));
  daemon.publish(idmSubject(zone, 'from-zone'), new Uint8Array());
  const subjects: string[] = [];
  for (const subscription of [event, audit, packet]) {
    for await (const { subject } of subscription ?? []) subjects.push(subject);
  }
  expect(subjects).toEqual([
    `protect.events.zone.${zone}.ready`,
    'protect.audit.GetZone',
    `protect.idm.${zone}.from-zone`,
  ]);
});

/** The states that the stream holds from a time on, each with the time that the stream gave it. */
async function replay(count: number, since?: string): Promise<{ state: string; at: string }[]> {
  const from = since ? { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since } : {};
  const consumer = await reader.jetstream().consumers.get(eventStream, from);
  const replayed: { state: string; at: string }[] = [];
  for await (const message of await consumer.fetch({ max_messages: count, expires: 5_000 })) {
    const nanoseconds = message.info.timestampNanos;
    const at = new Date(Math.floor(nanoseconds / 1e6)).toISOString();
    replayed.push({ state: message.json<{ state: string }>().state, at });
  }
  return replayed;
}

test('reader: replays events from a time on', async () => {
  for (const state of ['exited', 'destroying']) await publish(state);
  const all = await replay(events);
  expect(all.map(({ state }) => state).slice(-2)).toEqual(['exited', 'destroying']);
  const last = all.at(-1)?.at ?? '';
  // The stream's times are finer than a Date; wait until the next one is later in a Date too.
  while (new Date().toISOString() <= last) await daemon.flush();
  const since = new Date().toISOString();
  await publish('destroyed');
  expect((await replay(1, since)).map(({ state }) => state)).toEqual(['destroyed']);
});

test.each([
  ['calls of services', 'protect.rpc.>'],
  ['answers of others', '_INBOX_daemon.>'],
  ['everything', '>'],
  ['everything of ours', 'protect.>'],
  ['presence', 'protect.presence.*'],
  ['what nats-server says of itself', '$SYS.>'],
])('reader: does not see %s', async (_, subject) => {
  const refused = await refusal((connection) => void connection.subscribe(subject));
  expect(refused).toBe(`subscription ${subject}`);
});

test.each([
  zoneEventSubject(zone, 'ready'),
  auditSubject('GetZone'),
  idmSubject(zone, 'to-zone'),
  'protect.rpc.daemon.v1.DestroyZone',
  'protect.rpc.daemon.v1.Check',
  'protect.stream.daemon.cri.x',
  'protect.presence.daemon',
  '_INBOX_daemon.storage.x',
  '_INBOX_reader.x',
  '$SRV.PING',
  `$JS.API.STREAM.DELETE.${eventStream}`,
  `$JS.API.STREAM.PURGE.${eventStream}`,
  `$JS.API.STREAM.UPDATE.${eventStream}`,
  `$JS.API.STREAM.MSG.DELETE.${eventStream}`,
  '$JS.API.STREAM.CREATE.X',
])('reader: may not publish on %s', async (subject) => {
  expect(await refusal((connection) => connection.publish(subject))).toBe(`publish ${subject}`);
});
