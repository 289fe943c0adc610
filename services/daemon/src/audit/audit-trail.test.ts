import { Code, ConnectError } from '@connectrpc/connect';
import type { Bus } from '@protect/bus/connection';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { auditQueueMax } from '../limits.ts';
import { startAuditTrail } from './audit-trail.ts';
import type { CallRecord } from './call-record.ts';

const recordOf = (call: number): CallRecord => ({
  call: `c-${call}`,
  phase: 'call',
  time: new Date('2026-11-21T05:00:00.000Z'),
  method: 'GetZone',
  protocol: 'grpc',
  caller: { kind: 'process', uid: 1000, gid: 100, pid: 4711 },
  object: { zone: 'z' },
  code: 'ok',
  durationMs: 12.5,
});

/** nats-server as the test wants it, and a log. */
function host() {
  const lines: { level: number; msg: string; audit?: unknown }[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const messages: { subject: string; data: Record<string, unknown>; headers: Record<string, string> }[] = [];
  let connected = true;
  let flushed = Promise.resolve();
  let reconnected = () => {};
  const bus: Pick<Bus, 'publish' | 'flush' | 'connected' | 'onReconnect'> = {
    get connected() {
      return connected;
    },
    publish(subject, data, options) {
      if (!connected) throw new ConnectError('nats-server is away', Code.Unavailable);
      const headers = Object.fromEntries(options?.headers ?? []);
      messages.push({ subject, data: JSON.parse(Buffer.from(data).toString()), headers });
    },
    flush: () => flushed,
    onReconnect(callback) {
      reconnected = callback;
      return () => undefined;
    },
  };
  return {
    logger,
    lines,
    messages,
    bus,
    lose: () => {
      connected = false;
    },
    find: () => {
      connected = true;
      reconnected();
    },
    stall() {
      const { promise, resolve } = Promise.withResolvers<void>();
      flushed = promise;
      return resolve;
    },
    published: (count: number) => expect.poll(() => messages.length).toBe(count),
  };
}

describe('the audit trail', () => {
  it('puts a record into the log and on NATS, as a CloudEvent in JSON', async () => {
    const { bus, logger, lines, messages, published } = host();
    await using trail = startAuditTrail({ bus, hostUuid: 'h', logger });
    trail.record(recordOf(1));
    await published(1);
    const data = {
      call: 'c-1',
      phase: 'call',
      time: '2026-11-21T05:00:00.000Z',
      method: 'GetZone',
      protocol: 'grpc',
      caller: { kind: 'process', uid: 1000, gid: 100, pid: 4711 },
      object: { zone: 'z' },
      code: 'ok',
      durationMs: 12.5,
    };
    expect(lines).toEqual([expect.objectContaining({ msg: 'audit', audit: data })]);
    const headers = {
      'Content-Type': 'application/json',
      'ce-specversion': '1.0',
      'ce-id': 'c-1-call',
      'ce-type': 'protect.audit.call',
      'ce-source': '/hosts/h',
      'ce-time': '2026-11-21T05:00:00.012Z',
    };
    expect(messages).toEqual([{ subject: 'protect.audit.GetZone', data, headers }]);
  });

  it('keeps records while NATS is away, as many as there is room for, and counts the others', async () => {
    const { bus, logger, lines, messages, lose, find, published } = host();
    await using trail = startAuditTrail({ bus, hostUuid: 'h', logger });
    lose();
    for (let call = 1; call <= auditQueueMax + 3; call++) trail.record(recordOf(call));
    expect(lines.filter(({ msg }) => msg === 'audit')).toHaveLength(auditQueueMax + 3);
    expect(trail.unpublished).toBe(3);
    expect(lines.filter(({ level }) => level === 40)).toHaveLength(1);
    find();
    await published(auditQueueMax);
    expect(messages[0]?.data).toMatchObject({ call: 'c-4', unpublished: 3 });
    expect(messages.at(-1)?.data).toMatchObject({ call: `c-${auditQueueMax + 3}` });
  });

  it('gives a slow nats-server one batch at a time, and nobody waits for it', async () => {
    const { bus, logger, messages, stall, published } = host();
    await using trail = startAuditTrail({ bus, hostUuid: 'h', logger });
    const release = stall();
    for (let call = 1; call <= 1000; call++) trail.record(recordOf(call));
    await published(128);
    await new Promise((resolve) => setImmediate(resolve));
    expect(messages).toHaveLength(128);
    release();
    await published(1000);
    expect(trail.unpublished).toBe(0);
  });

  it('publishes what is left when the daemon ends', async () => {
    const { bus, logger, messages, stall } = host();
    const trail = startAuditTrail({ bus, hostUuid: 'h', logger });
    stall();
    for (let call = 1; call <= 300; call++) trail.record(recordOf(call));
    await trail[Symbol.asyncDispose]();
    expect(messages).toHaveLength(300);
  });
});
