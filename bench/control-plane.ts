import { randomUUID } from 'node:crypto';
import { DatabaseSync } from 'node:sqlite';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { connectNats } from '@protect/bus/nats';
import { readCredentials, readServerAddress } from '@protect/bus/server-address';
import { everyEvent } from '@protect/bus/subjects';
import { ListZonesReplySchema, ListZonesRequestSchema } from '@protect/proto/control';
import { ZoneState } from '@protect/proto/control-common';
import { z } from 'zod';
import { connectControl } from '../scripts/stack/control-client.ts';
import { destroyZone, launchZone, listZones, zoneInState } from '../test/system/guests.ts';
import { startStack, type TestStack } from '../test/system/stack.ts';
import { loadOf, p99During, percentile99 } from './load.ts';
import { type Figure, type Measurement, mebibytes, medianOf, milliseconds } from './measurement.ts';
import { residentBytes } from './process-memory.ts';

const recordedZones = 1_000;
const lists = 200;
const listsAtOnce = 8;
const watchedZones = 5;
const zonesAtOnce = 50;

const pastCreation = [ZoneState.CREATED, ZoneState.READY, ZoneState.FAILED];

const eventSchema = z.object({ changedAt: z.iso.datetime() });

/** The daemon with many zones on record, under load, and how soon others hear of what it does. */
export async function measureControlPlane(): Promise<Measurement> {
  await using stack = await startStack();
  const figures = [
    ...(await eventFigures(stack)),
    ...(await creationFigures(stack)),
    ...(await recordFigures(stack)),
  ];
  return {
    title: 'Control plane',
    how: `Lists: ${lists} calls, ${listsAtOnce} at once, over the unix socket, with ${recordedZones} recorded zones that have failed. Events: from the change's own time to a subscriber of NATS, over the lives of ${watchedZones} zones. Creation: ${zonesAtOnce} CreateZone calls at once; calls of GetHostStatus come one after the other meanwhile, and wait for the daemon's event loop and for a processor.`,
    figures,
  };
}

async function eventFigures(stack: TestStack): Promise<Figure[]> {
  const [{ url }, credentials] = await Promise.all([
    readServerAddress(stack.paths),
    readCredentials(stack.paths, 'reader'),
  ]);
  const nats = await connectNats({ url, ...credentials, name: 'bench', onEvent: () => undefined });
  try {
    const delays: number[] = [];
    nats.subscribe(everyEvent, undefined, ({ data }) => {
      const { changedAt } = eventSchema.parse(JSON.parse(Buffer.from(data).toString()));
      delays.push(Date.now() - Date.parse(changedAt));
    });
    await nats.flush();
    for (let index = 0; index < watchedZones; index++) {
      const zone = await launchZone(stack.client);
      await destroyZone(stack.client, zone.id);
    }
    await nats.flush();
    return [
      {
        what: `state change to subscriber, median of ${delays.length}`,
        value: `${medianOf(delays)} ms`,
        aim: '',
      },
      { what: 'state change to subscriber, p99', value: `${percentile99(delays)} ms`, aim: '' },
    ];
  } finally {
    await nats.close();
  }
}

async function creationFigures(stack: TestStack): Promise<Figure[]> {
  const size = { maxMemory: 64n, targetMemory: 64n, maxCpus: 1, targetCpus: 1 };
  const create = async () => (await stack.client.createZone({ spec: { initialResources: size } })).zoneId;
  const ping = () => stack.client.getHostStatus({});
  const quiet = await p99During(ping, new Promise((resolve) => setTimeout(resolve, 2_000)));
  const began = performance.now();
  let answeredMs = Number.NaN;
  const creating = Promise.all(Array.from({ length: zonesAtOnce }, create)).then(async (ids) => {
    answeredMs = performance.now() - began;
    await Promise.all(ids.map((id) => zoneInState(stack.client, id, pastCreation)));
    return ids;
  });
  const busy = await p99During(ping, creating);
  const ids = await creating;
  await Promise.all(ids.map((id) => destroyZone(stack.client, id)));
  return [
    { what: `${zonesAtOnce} CreateZone calls: all answered`, value: milliseconds(answeredMs), aim: '' },
    { what: 'GetHostStatus until all machines run, p99', value: milliseconds(busy), aim: '' },
    { what: 'GetHostStatus before, p99', value: milliseconds(quiet), aim: '' },
  ];
}

async function recordFigures(stack: TestStack): Promise<Figure[]> {
  const daemon = stack.services.daemon;
  await daemon.restart();
  const emptyMs = daemon.startedInMs;
  const { zoneId } = await stack.client.createZone({
    spec: { kernelOptions: { cmdlineAppend: 'rdinit=/absent' } },
  });
  await zoneInState(stack.client, zoneId, [ZoneState.FAILED]);
  await daemon.end();
  multiplyZone(stack.paths.database('daemon'), zoneId, recordedZones);
  await daemon.restart();
  const fullMs = daemon.startedInMs;
  const control = connectControl(stack.paths.daemonSocket);
  const stub = new grpc.Client(`unix:${stack.paths.daemonSocket}`, grpc.credentials.createInsecure());
  try {
    const overConnect = await loadOf(() => listAll(() => listZones(control.client)), lists, listsAtOnce);
    const overGrpc = await loadOf(() => listAll(() => listOverGrpc(stub)), lists, listsAtOnce);
    return [
      { what: 'ListZones over Connect', value: `${overConnect.perSecond.toFixed(0)} /s`, aim: '' },
      { what: 'ListZones over Connect, p99', value: milliseconds(overConnect.p99Ms), aim: '' },
      { what: 'ListZones over gRPC', value: `${overGrpc.perSecond.toFixed(0)} /s`, aim: '' },
      { what: 'ListZones over gRPC, p99', value: milliseconds(overGrpc.p99Ms), aim: '' },
      {
        what: 'protect-daemon afterwards: resident',
        value: mebibytes(residentBytes(daemon.id.pid)),
        aim: '',
      },
      { what: `start with ${recordedZones} zones on record`, value: milliseconds(fullMs), aim: '' },
      { what: 'start without', value: milliseconds(emptyMs), aim: '' },
    ];
  } finally {
    control.close();
    stub.close();
  }
}

async function listAll(list: () => Promise<readonly unknown[]>): Promise<void> {
  const { length } = await list();
  if (length !== recordedZones) throw new Error(`${length} zones were listed instead of ${recordedZones}`);
}

function listOverGrpc(stub: grpc.Client): Promise<unknown[]> {
  const zones: unknown[] = [];
  const call = stub.makeServerStreamRequest(
    '/protect.control.v1.ControlService/ListZones',
    (request: Uint8Array) => Buffer.from(request),
    (reply: Buffer) => fromBinary(ListZonesReplySchema, reply),
    toBinary(ListZonesRequestSchema, create(ListZonesRequestSchema)),
  );
  return new Promise((resolve, reject) => {
    call.on('data', (reply: { zones: unknown[] }) => zones.push(...reply.zones));
    call.on('error', reject);
    call.on('end', () => resolve(zones));
  });
}

/** Copies a zone's row, under other ids, until there are `count` of it. The daemon must be down. */
function multiplyZone(path: string, zoneId: string, count: number): void {
  const database = new DatabaseSync(path);
  try {
    const row = z
      .object({ slot: z.number(), record: z.string() })
      .parse(database.prepare('SELECT slot, record FROM zones WHERE id = ?').get(zoneId));
    const insert = database.prepare('INSERT INTO zones (id, slot, record) VALUES (?, ?, ?)');
    database.exec('BEGIN');
    for (let index = 1; index < count; index++) {
      const id = randomUUID();
      const slot = row.slot + index;
      const record = { ...z.record(z.string(), z.unknown()).parse(JSON.parse(row.record)), id, slot };
      insert.run(id, slot, JSON.stringify(record));
    }
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}
