import { fromBinary, toJsonString } from '@bufbuild/protobuf';
import { type BusMessage, connectNats } from '@protect/bus/nats';
import { readCredentials, readServerAddress } from '@protect/bus/server-address';
import { everyIdm, parseIdmSubject } from '@protect/bus/subjects';
import { SnoopIdmPacketSchema } from '@protect/proto/control';
import { ZoneState } from '@protect/proto/control-common';
import { Form, PacketSchema } from '@protect/proto/idm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { destroyZone, eventually, execute, launchWorkload, launchZone } from './guests.ts';
import { busyboxImage } from './images.ts';
import { startStack, type TestStack } from './stack.ts';

let stack: TestStack;
let image: string;

beforeAll(async () => {
  image = await busyboxImage();
  stack = await startStack();
});

afterAll(async () => {
  await stack?.[Symbol.asyncDispose]();
});

test('a watcher sees each state of a zone’s life in order', async () => {
  const watch = new AbortController();
  const seen: { id: string; state: ZoneState }[] = [];
  const watching = (async () => {
    for await (const { event } of stack.client.watchEvents({}, { signal: watch.signal })) {
      if (event.case !== 'zoneChanged') continue;
      seen.push({
        id: event.value.zone?.id ?? '',
        state: event.value.zone?.status?.state ?? ZoneState.UNKNOWN,
      });
    }
  })().catch(() => undefined);
  // The watch is in place once it has told of something; this zone is for that alone.
  const first = await launchZone(stack.client);
  await destroyZone(stack.client, first.id);
  await eventually(stack.client, 'the watch tells', async () => (seen.length > 0 ? true : undefined));
  const zone = await launchZone(stack.client, { name: 'watched' });
  await destroyZone(stack.client, zone.id);
  await eventually(stack.client, 'the last event', async () =>
    seen.some(({ id, state }) => id === zone.id && state === ZoneState.DESTROYED) ? true : undefined,
  );
  watch.abort();
  await watching;
  const states = seen.filter(({ id }) => id === zone.id).map(({ state }) => state);
  expect(states).toEqual([...states].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
  expect(states).toEqual(expect.arrayContaining([ZoneState.CREATING, ZoneState.READY, ZoneState.DESTROYED]));
});

const order: readonly ZoneState[] = [
  ZoneState.CREATING,
  ZoneState.CREATED,
  ZoneState.READY,
  ZoneState.DESTROYING,
  ZoneState.DESTROYED,
];

test('metrics count the zones by state and the health checks of every service', async () => {
  const zone = await launchZone(stack.client, { name: 'counted' });
  const metrics = await eventually(stack.client, 'the zone in the metrics', async () => {
    const text = await (await fetch(stack.metricsUrl)).text();
    return /^daemon_zones\{[^}]*state="ready"[^}]*\} 1$/m.test(text) ? text : undefined;
  });
  for (const service of ['daemon', 'storage', 'network', 'cri']) {
    expect(metrics).toMatch(new RegExp(`^health_check_total\\{[^}]*service="[^"]*${service}"`, 'm'));
  }
  await destroyZone(stack.client, zone.id);
});

test('snooping shows the packets of a zone without secrets, over the API and to readers of NATS', async () => {
  const zone = await launchZone(stack.client, { name: 'snooped' });
  const [{ url }, credentials] = await Promise.all([
    readServerAddress(stack.paths),
    readCredentials(stack.paths, 'reader'),
  ]);
  const nats = await connectNats({ url, ...credentials, name: 'test', onEvent: () => undefined });
  const messages: BusMessage[] = [];
  nats.subscribe(everyIdm, undefined, (message) => messages.push(message));
  await nats.flush();
  const snoop = new AbortController();
  const packets: string[] = [];
  const snooping = (async () => {
    for await (const reply of stack.client.snoopIdm({}, { signal: snoop.signal })) {
      for (const packet of reply.packets) {
        packets.push(
          `${toJsonString(SnoopIdmPacketSchema, packet)} ${Buffer.from(packet.packet).toString('latin1')}`,
        );
      }
    }
  })().catch(() => undefined);
  const workloadId = await launchWorkload(stack.client, zone.id, image, ['sleep', '100000'], {
    environment: { PASSWORD: 'hunter2-in-environment' },
  });
  await eventually(stack.client, 'a packet', async () => {
    await execute(stack.client, { workloadId }, ['cat'], 'hunter2-on-stdin');
    const ways = new Set(messages.map(({ subject }) => parseIdmSubject(subject)?.direction));
    return packets.length > 0 && ways.size === 2 ? true : undefined;
  });
  snoop.abort();
  await snooping;
  await nats.close();
  expect(packets.join('\n')).not.toContain('hunter2');
  expect(messages.map(({ data }) => Buffer.from(data).toString('latin1')).join('\n')).not.toContain(
    'hunter2',
  );
  for (const { subject, data } of messages) {
    expect(parseIdmSubject(subject)?.id).toBe(zone.id);
    expect(fromBinary(PacketSchema, data).form).not.toBe(Form.UNSPECIFIED);
  }
  await destroyZone(stack.client, zone.id);
});
