import { newZoneId } from '@protect/config/ids';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Bus } from '../src/connection.ts';
import { type BusEvent, publishEvent } from '../src/events.ts';
import { type BusMessage, connectNats, type NatsLink } from '../src/nats.ts';
import { readCredentials, readServerAddress } from '../src/server-address.ts';
import { eventStream, everyEvent, idmSubject, parseEventSubject, zoneEventSubject } from '../src/subjects.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
let daemon: Bus;
let operator: NatsLink;

beforeEach(async () => {
  stand = await openStand();
  daemon = await stand.connect('daemon');
  operator = await connectOperator();
});

afterEach(async () => {
  await operator.close();
  await stand[Symbol.asyncDispose]();
});

async function connectOperator() {
  const { url } = await readServerAddress(stand.paths);
  const credentials = await readCredentials(stand.paths, 'operator');
  return connectNats({ url, ...credentials, name: 'test', onEvent: () => {} });
}

function event(id: string, state: string): BusEvent {
  const zone = newZoneId();
  return {
    id,
    subject: zoneEventSubject(zone, state),
    type: `protect.zone.${state}`,
    source: `/hosts/h/zones/${zone}`,
    time: new Date('2026-11-21T05:00:00Z'),
    data: { id: zone, state },
  };
}

async function askJetStream(request: string, body: object): Promise<BusMessage> {
  const { promise, resolve } = Promise.withResolvers<BusMessage>();
  const end = operator.subscribe('_INBOX_operator.js', undefined, resolve);
  operator.publish(request, Buffer.from(JSON.stringify(body)), { reply: '_INBOX_operator.js' });
  const answer = await promise;
  end();
  return answer;
}

async function countStored(): Promise<unknown> {
  const { data } = await askJetStream(`$JS.API.STREAM.INFO.${eventStream}`, {});
  return JSON.parse(Buffer.from(data).toString()).state.messages;
}

test('events: a subscriber gets them as CloudEvents in JSON', async () => {
  const { promise, resolve } = Promise.withResolvers<BusMessage>();
  operator.subscribe(everyEvent, undefined, resolve);
  await operator.flush();
  const ready = event('host-1', 'ready');
  await publishEvent(daemon, ready);
  const { subject, headers, data } = await promise;
  expect(parseEventSubject(subject)).toMatchObject({ kind: 'zone', state: 'ready' });
  expect(JSON.parse(Buffer.from(data).toString())).toEqual(ready.data);
  expect(Object.fromEntries(headers ?? [])).toMatchObject({
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': 'host-1',
    'ce-type': 'protect.zone.ready',
    'ce-source': ready.source,
    'ce-time': '2026-11-21T05:00:00.000Z',
    'nats-msg-id': 'host-1',
  });
});

test('events: the same one twice is stored once', async () => {
  const ready = event('host-1', 'ready');
  await publishEvent(daemon, ready);
  await publishEvent(daemon, ready);
  await publishEvent(daemon, event('host-2', 'destroyed'));
  expect(await countStored()).toBe(2);
});

test('events: the operator reads them from the past, after a restart of nats-server too', async () => {
  await publishEvent(daemon, event('host-1', 'creating'));
  await publishEvent(daemon, event('host-2', 'ready'));
  await stand.stopServer();
  await stand.startServer();
  await Promise.all([daemon.whenConnected(AbortSignal.timeout(10_000)), operator.close()]);
  operator = await connectOperator();
  await askJetStream(`$JS.API.CONSUMER.DURABLE.CREATE.${eventStream}.past`, {
    stream_name: eventStream,
    config: { durable_name: 'past', ack_policy: 'none', deliver_policy: 'all' },
  });
  const next = `$JS.API.CONSUMER.MSG.NEXT.${eventStream}.past`;
  const ids = [await askJetStream(next, { batch: 1 }), await askJetStream(next, { batch: 1 })].map(
    ({ headers }) => headers?.get('ce-id'),
  );
  expect(ids).toEqual(['host-1', 'host-2']);
});

test('events: a stream that somebody lost is made again', async () => {
  await publishEvent(daemon, event('host-1', 'ready'));
  await stand.stopServer();
  const { rm } = await import('node:fs/promises');
  await rm(stand.paths.natsStore, { recursive: true });
  await stand.startServer();
  await daemon.whenConnected(AbortSignal.timeout(10_000));
  await publishEvent(daemon, event('host-2', 'ready'));
  await operator.close();
  operator = await connectOperator();
  expect(await countStored()).toBe(1);
});

test('events: while nats-server is away publishing rejects, so that the caller keeps the event', async () => {
  await stand.stopServer();
  await expect(publishEvent(daemon, event('host-1', 'ready'))).rejects.toThrow(/nats-server/);
});

test('snooping: a publisher knows whether anybody listens', async () => {
  const subject = idmSubject(newZoneId(), 'to-zone');
  expect(await daemon.hasListeners(subject)).toBe(false);
  const end = operator.subscribe(subject, undefined, () => {});
  await operator.flush();
  expect(await daemon.hasListeners(subject)).toBe(true);
  end();
  await operator.flush();
  expect(await daemon.hasListeners(subject)).toBe(false);
});
