import { Code, ConnectError } from '@connectrpc/connect';
import { z } from 'zod';
import type { Bus } from './connection.ts';
import { eventStream, everyEvent } from './subjects.ts';

/** Oldest events go first when the stream is this large. */
const maxStreamBytes = 64 * 1024 * 1024;
const maxAgeNs = 7 * 24 * 3600 * 1_000_000_000;
/** A repeated id within this time is stored once. */
const duplicateWindowNs = 10 * 60 * 1_000_000_000;
const publishTimeoutMs = 5_000;

/** A CloudEvent. */
export interface BusEvent {
  /** Unique; repeating it publishes nothing twice. */
  readonly id: string;
  /** From `zoneEventSubject` or `workloadEventSubject`. */
  readonly subject: string;
  /** Such as `protect.zone.ready`. */
  readonly type: string;
  /** Who it happened to, as a URI reference. */
  readonly source: string;
  readonly time: Date;
  /** JSON; no environment, secret or output byte. */
  readonly data: Readonly<Record<string, unknown>>;
}

const responseSchema = z.object({
  error: z.object({ code: z.number(), description: z.string().optional() }).optional(),
});

/** Connections on which the stream is known to be there. */
const ensured = new WeakMap<Bus, Promise<void>>();

/**
 * Stores an event in the stream, which it makes when there is none. Settles when nats-server has stored it;
 * rejects with UNAVAILABLE or DEADLINE_EXCEEDED when it does not: publish it again, with the same id.
 */
export async function publishEvent(
  bus: Bus,
  event: BusEvent,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  // Without the stream a plain subscriber would swallow the event, and nobody would say so.
  await ensureEventStream(bus);
  try {
    await publishOnce(bus, event, options.signal);
  } catch (error) {
    ensured.delete(bus);
    throw error;
  }
}

/** Makes the stream when there is none; an existing one stays as it is. Asks once for each connection. */
export function ensureEventStream(bus: Bus): Promise<void> {
  const known = ensured.get(bus);
  if (known !== undefined) return known;
  const made = makeEventStream(bus);
  ensured.set(bus, made);
  const forget = () => {
    if (ensured.get(bus) === made) ensured.delete(bus);
  };
  made.catch(forget);
  const off = bus.onDisconnect(() => {
    forget();
    off();
  });
  return made;
}

async function makeEventStream(bus: Bus): Promise<void> {
  const config = {
    name: eventStream,
    subjects: [everyEvent],
    retention: 'limits',
    storage: 'file',
    discard: 'old',
    max_bytes: maxStreamBytes,
    max_age: maxAgeNs,
    duplicate_window: duplicateWindowNs,
    num_replicas: 1,
  };
  const answer = await bus.request(
    `$JS.API.STREAM.CREATE.${eventStream}`,
    Buffer.from(JSON.stringify(config)),
    { timeoutMs: publishTimeoutMs },
  );
  const { error } = parseResponse(answer.data);
  if (error && !/already in use/.test(error.description ?? '')) {
    const text = `nats-server does not make the stream ${eventStream}: ${error.description ?? error.code}`;
    throw new ConnectError(text, Code.Unavailable);
  }
}

async function publishOnce(bus: Bus, event: BusEvent, signal: AbortSignal | undefined) {
  const answer = await bus.request(event.subject, Buffer.from(JSON.stringify(event.data)), {
    timeoutMs: publishTimeoutMs,
    ...(signal ? { signal } : {}),
    headers: [
      ['Nats-Msg-Id', event.id],
      ['Content-Type', 'application/json'],
      ['ce-specversion', '1.0'],
      ['ce-id', event.id],
      ['ce-type', event.type],
      ['ce-source', event.source],
      ['ce-time', event.time.toISOString()],
    ],
  });
  const { error } = parseResponse(answer.data);
  if (error) {
    const text = `nats-server does not store the event ${event.id}: ${error.description ?? error.code}`;
    throw new ConnectError(text, Code.Unavailable);
  }
}

function parseResponse(data: Uint8Array) {
  const parsed = responseSchema.safeParse(JSON.parse(Buffer.from(data).toString()));
  if (!parsed.success) throw new ConnectError('JetStream answered something unknown', Code.Internal);
  return parsed.data;
}
