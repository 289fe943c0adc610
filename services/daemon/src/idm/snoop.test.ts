import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { newZoneId } from '@protect/config/ids';
import {
  Form,
  PacketSchema,
  RequestSchema,
  StreamRequestSchema,
  StreamResponseSchema,
} from '@protect/proto/idm';
import { describe, expect, it } from 'vitest';
import { snoopQueueMax } from '../limits.ts';
import { createIdmSnoop, type SnoopBatch } from './snoop.ts';

const zoneId = newZoneId();
const secret = 'hunter2';

function packet<D extends DescMessage>(form: Form, schema: D, message: MessageInitShape<D>) {
  return { id: 7n, channel: 0n, form, data: toBinary(schema, create(schema, message)), deadlineMs: 5 };
}

async function shown(fields: ReturnType<typeof packet>): Promise<string> {
  const snoop = createIdmSnoop();
  const abort = new AbortController();
  const listener = snoop.subscribe(abort.signal)[Symbol.asyncIterator]();
  snoop.tapFor(zoneId).packet('to-zone', fields);
  const { value } = await listener.next();
  abort.abort();
  const bytes: Uint8Array = value?.packets[0]?.packet ?? new Uint8Array();
  const decoded = fromBinary(PacketSchema, bytes);
  expect([decoded.id, decoded.form, decoded.deadlineMs]).toEqual([7n, fields.form, 5]);
  return Buffer.from(decoded.data).toString('latin1');
}

describe('what a listener sees', () => {
  const env = { env: [`TOKEN=${secret}`, 'EMPTY='], args: ['sh', '-c', 'date'] };

  it.each([
    [
      'standard input',
      Form.STREAM_REQUEST_UPDATE,
      StreamRequestSchema,
      { request: { case: 'stdin', value: { data: Buffer.from(secret) } } },
    ],
    [
      'output',
      Form.STREAM_RESPONSE_UPDATE,
      StreamResponseSchema,
      { response: { case: 'output', value: { data: Buffer.from(secret) } } },
    ],
  ] as const)('hides %s but tells its length', async (_, form, schema, message) => {
    const text = await shown(packet<DescMessage>(form, schema, message));
    expect(text).not.toContain(secret);
    expect(text).toContain('[7 bytes]');
  });

  it('hides values of environments but shows their names', async () => {
    const process = { command: ['env'], environment: [`TOKEN=${secret}`] };
    const ociProcess = Buffer.from(JSON.stringify(env));
    const exec = { request: { case: 'exec' as const, value: { process, ociProcess } } };
    const ociConfig = Buffer.from(JSON.stringify({ ociVersion: '1.0.2', process: env }));
    const created = { request: { case: 'createWorkload' as const, value: { ociConfig } } };
    for (const text of [
      await shown(packet(Form.STREAM_REQUEST, StreamRequestSchema, exec)),
      await shown(packet(Form.REQUEST, RequestSchema, created)),
    ]) {
      expect(text).not.toContain(secret);
      expect(text).toContain('TOKEN=[7 bytes]');
      expect(text).toContain('date');
    }
  });

  it('hides random seeds, and whole what cannot be understood', async () => {
    const configure = {
      request: { case: 'configure' as const, value: { hostname: 'web', randomSeed: Buffer.from(secret) } },
    };
    const text = await shown(packet(Form.REQUEST, RequestSchema, configure));
    expect(text).not.toContain(secret);
    expect(text).toContain('web');
    const broken = {
      request: {
        case: 'createWorkload' as const,
        value: { ociConfig: Buffer.from(`{"process": "${secret}`) },
      },
    };
    expect(await shown(packet(Form.REQUEST, RequestSchema, broken))).not.toContain(secret);
    expect(
      await shown({ id: 7n, channel: 0n, form: Form.RAW, data: Buffer.from(secret), deadlineMs: 5 }),
    ).toBe('[7 bytes]');
    const odd = {
      id: 7n,
      channel: 0n,
      form: Form.EVENT,
      data: Buffer.from(`\u00ff${secret}`),
      deadlineMs: 5,
    };
    expect(await shown(odd)).not.toContain(secret);
  });
});

describe('the snoop', () => {
  it('is active only while somebody listens', async () => {
    const snoop = createIdmSnoop();
    const tap = snoop.tapFor(zoneId);
    expect(tap.active).toBe(false);
    const abort = new AbortController();
    const reading = (async () => {
      for await (const _ of snoop.subscribe(abort.signal)) return;
    })();
    await Promise.resolve();
    expect(tap.active).toBe(true);
    abort.abort();
    await reading;
    expect(tap.active).toBe(false);
  });

  it('counts what a slow listener misses instead of keeping it, and disturbs no other', async () => {
    const snoop = createIdmSnoop();
    const abort = new AbortController();
    const slow = snoop.subscribe(abort.signal)[Symbol.asyncIterator]();
    const fast = snoop.subscribe(abort.signal)[Symbol.asyncIterator]();
    const fields = { id: 1n, channel: 0n, form: Form.EVENT, data: new Uint8Array(), deadlineMs: 0 };
    const tap = snoop.tapFor(zoneId);
    let fastCount = 0;
    for (let sent = 0; sent < snoopQueueMax + 10; sent++) {
      tap.packet('from-zone', fields);
      const batch: SnoopBatch | undefined = (await fast.next()).value;
      fastCount += batch?.packets.length ?? 0;
    }
    const batch: SnoopBatch | undefined = (await slow.next()).value;
    expect([batch?.packets.length, batch?.skipped, fastCount]).toEqual([
      snoopQueueMax,
      10,
      snoopQueueMax + 10,
    ]);
    abort.abort();
  });
});
