import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Bus, Inbox } from '@protect/bus/connection';
import { newZoneId } from '@protect/config/ids';
import { Form, PacketSchema, StreamRequestSchema } from '@protect/proto/idm';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { idmUnderWayBytesMax } from '../limits.ts';
import { createIdmPublisher } from './publisher.ts';

const zoneId = newZoneId();
const secret = 'hunter2';

const stdin = (data: Uint8Array) => ({
  id: 7n,
  channel: 0n,
  form: Form.STREAM_REQUEST_UPDATE,
  data: toBinary(
    StreamRequestSchema,
    create(StreamRequestSchema, { request: { case: 'stdin', value: { data } } }),
  ),
  deadlineMs: 0,
});
/** Not redacted, so as large as it looks. */
const large = { id: 7n, channel: 0n, form: Form.CREDIT, data: new Uint8Array(100_000), deadlineMs: 0 };

/** nats-server, with somebody who listens or not. */
function host() {
  const messages: { subject: string; data: Uint8Array; headers: Record<string, string> }[] = [];
  let listening = false;
  let connected = true;
  let gate: Promise<void> = Promise.resolve();
  const inboxes = new Map<string, (status: number) => void>();
  const bus: Pick<Bus, 'publish' | 'flush' | 'openInbox' | 'connected'> = {
    get connected() {
      return connected;
    },
    publish(subject, data, options) {
      if (listening) messages.push({ subject, data, headers: Object.fromEntries(options?.headers ?? []) });
      else if (options?.reply !== undefined) inboxes.get(options.reply)?.(503);
    },
    flush: () => gate,
    openInbox(answerer, onMessage): Inbox {
      const subject = `_INBOX_daemon.${answerer}.${inboxes.size}`;
      inboxes.set(subject, (status) =>
        onMessage({ subject, status, reply: undefined, headers: undefined, data: new Uint8Array() }),
      );
      return { id: 'x', subject, close: () => inboxes.delete(subject) };
    },
  };
  return {
    bus,
    messages,
    inboxes,
    listen: (on: boolean) => {
      listening = on;
    },
    connect: (on: boolean) => {
      connected = on;
    },
    stall() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      return () => {
        gate = Promise.resolve();
        resolve();
      };
    },
  };
}

const tapOf = ({ bus }: ReturnType<typeof host>) =>
  createIdmPublisher({ bus, hostUuid: 'h', logger: pino({ level: 'silent' }) }).tapFor(zoneId);

/** Lets what was flushed be known. */
const settled = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('packets on NATS', () => {
  it('are sent without secrets, each way on its subject', async () => {
    const nats = host();
    nats.listen(true);
    const tap = tapOf(nats);
    tap.packet('to-zone', stdin(Buffer.from(secret)));
    tap.packet('from-zone', stdin(Buffer.from(secret)));
    await settled();
    expect(nats.messages.map(({ subject }) => subject)).toEqual([
      `protect.idm.${zoneId}.to-zone`,
      `protect.idm.${zoneId}.from-zone`,
    ]);
    const [message] = nats.messages;
    const packet = fromBinary(PacketSchema, message?.data ?? new Uint8Array());
    expect(packet.id).toBe(7n);
    expect(Buffer.from(packet.data).toString('latin1')).toContain('[7 bytes]');
    expect(message?.headers).toMatchObject({
      'Content-Type': 'application/protobuf',
      'ce-type': 'protect.idm.packet',
      'ce-source': `/hosts/h/zones/${zoneId}`,
    });
    expect(nats.inboxes.size).toBe(0);
  });

  it('cost nothing while nobody listens, but for a look every second', async () => {
    const nats = host();
    const tap = tapOf(nats);
    expect(tap.active).toBe(true);
    for (const direction of ['to-zone', 'from-zone'] as const) tap.packet(direction, stdin(Buffer.from('a')));
    await settled();
    expect(tap.active).toBe(false);
    nats.listen(true);
    tap.packet('to-zone', stdin(Buffer.from('a')));
    expect(nats.messages).toEqual([]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(tap.active).toBe(true);
    for (let i = 0; i < 3; i++) {
      tap.packet('to-zone', stdin(Buffer.from('a')));
      await settled();
    }
    expect(nats.messages).toHaveLength(3);
  });

  it('stop within a second when the last listener has gone', async () => {
    const nats = host();
    nats.listen(true);
    const tap = tapOf(nats);
    tap.packet('to-zone', stdin(Buffer.from('a')));
    tap.packet('from-zone', stdin(Buffer.from('a')));
    await settled();
    nats.listen(false);
    await vi.advanceTimersByTimeAsync(1_000);
    tap.packet('to-zone', stdin(Buffer.from('a')));
    tap.packet('from-zone', stdin(Buffer.from('a')));
    await settled();
    expect(tap.active).toBe(false);
  });

  it('are skipped and counted while nats-server is slow, so that nothing piles up', async () => {
    const nats = host();
    nats.listen(true);
    const tap = tapOf(nats);
    tap.packet('from-zone', large);
    await settled();
    const release = nats.stall();
    const fit = Math.ceil(idmUnderWayBytesMax / 100_000);
    for (let i = 0; i < fit + 5; i++) tap.packet('from-zone', large);
    expect(nats.messages).toHaveLength(1 + fit);
    release();
    await settled();
    tap.packet('from-zone', large);
    expect(nats.messages.at(-1)?.headers).toMatchObject({ 'Protect-Skipped': '5' });
  });

  it('are not looked at while nats-server is away', () => {
    const nats = host();
    nats.connect(false);
    expect(tapOf(nats).active).toBe(false);
  });
});
