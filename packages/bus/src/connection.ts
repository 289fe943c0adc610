import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ServiceName, StatePaths } from '@protect/config/paths';
import type { Logger } from './logger.ts';
import { type BusMessage, connectNats, isRefused, type NatsLink, type PublishOptions } from './nats.ts';
import { readCredentials, readServerAddress } from './server-address.ts';
import { inboxPrefix } from './subjects.ts';

/** A process's one connection to nats-server. Comes back by itself when the server restarts. */
export interface Bus {
  readonly service: ServiceName;
  readonly logger: Logger;
  /** Largest message that nats-server takes, headers included. */
  readonly maxPayloadBytes: number;
  readonly connected: boolean;
  /** Throws UNAVAILABLE while nats-server is away: nothing is kept for later. */
  publish(subject: string, data: Uint8Array, options?: PublishOptions): void;
  /** Kept over reconnects. Returns what ends it. */
  subscribe(subject: string, onMessage: (message: BusMessage) => void, queue?: string): () => void;
  /**
   * Opens a subject of our own on which `answerer` (a service, or any other word) may answer.
   * nats-server answers there too, with status 503, when nobody listens.
   */
  openInbox(answerer: string, onMessage: (message: BusMessage) => void): Inbox;
  /** One answer to one message. UNAVAILABLE at once when nobody listens, DEADLINE_EXCEEDED after `timeoutMs`. */
  request(
    subject: string,
    data: Uint8Array,
    options: { signal?: AbortSignal; timeoutMs: number; headers?: PublishOptions['headers'] },
  ): Promise<BusMessage>;
  /** Whether anybody listens on `subject`; sends an empty message to find out. */
  hasListeners(subject: string): Promise<boolean>;
  /** Settles when nats-server has handled all that was sent before. */
  flush(): Promise<void>;
  /** Settles when connected; rejects with the signal's reason. */
  whenConnected(signal: AbortSignal): Promise<void>;
  onDisconnect(callback: () => void): () => void;
  onReconnect(callback: () => void): () => void;
  /** nats-server refused an operation ("publish" or "subscription") on a subject. */
  onDenied(callback: (operation: string, subject: string) => void): () => void;
  /** Settles when the bus is closed for good. */
  readonly closed: Promise<void>;
  /** Sends what is under way, for at most a second, then closes. */
  close(): Promise<void>;
}

export interface Inbox {
  readonly id: string;
  readonly subject: string;
  close(): void;
}

export interface ConnectBusOptions {
  /** Ends the wait for nats-server. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
}

const retryMs = 200;
const closeFlushMs = 1_000;

/** Waits until nats-server is there, whatever is missing: its address, the credentials, the server itself. */
export async function connectBus(
  paths: StatePaths,
  service: ServiceName,
  { signal, logger }: ConnectBusOptions,
): Promise<Bus> {
  const listeners = createListeners();
  let warned: string | undefined;
  while (true) {
    signal.throwIfAborted();
    try {
      const [{ url }, { user, password }] = await Promise.all([
        readServerAddress(paths),
        readCredentials(paths, service),
      ]);
      const link = await connectNats({
        url,
        user,
        password,
        name: `protect-${service}`,
        onEvent(event) {
          if (event.kind === 'disconnected') listeners.disconnected();
          else if (event.kind === 'reconnected') listeners.reconnected();
          else listeners.denied(event.operation, event.subject);
        },
      });
      return createBus(service, link, listeners, logger);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== warned) {
        warned = reason;
        const hint = isRefused(error)
          ? 'nats-server refuses our credentials; restart it with the configuration in the state folder'
          : 'waiting for nats-server';
        logger.warn({ err: error }, hint);
      }
    }
    await delay(retryMs + Math.random() * retryMs, undefined, { signal });
  }
}

type Listeners = ReturnType<typeof createListeners>;

function createListeners() {
  const disconnect = new Set<() => void>();
  const reconnect = new Set<() => void>();
  const denied = new Set<(operation: string, subject: string) => void>();
  return {
    onDisconnect: (callback: () => void) => added(disconnect, callback),
    onReconnect: (callback: () => void) => added(reconnect, callback),
    onDenied: (callback: (operation: string, subject: string) => void) => added(denied, callback),
    disconnected: () => {
      for (const callback of [...disconnect]) callback();
    },
    reconnected: () => {
      for (const callback of [...reconnect]) callback();
    },
    denied: (operation: string, subject: string) => {
      for (const callback of [...denied]) callback(operation, subject);
    },
  };
}

function added<T>(set: Set<T>, callback: T): () => void {
  set.add(callback);
  return () => set.delete(callback);
}

function createBus(service: ServiceName, link: NatsLink, listeners: Listeners, logger: Logger): Bus {
  const prefix = inboxPrefix(service);
  const inboxes = new Map<string, (message: BusMessage) => void>();
  let connected = true;
  let closing = false;
  listeners.onDisconnect(() => {
    if (connected && !closing) logger.warn({}, 'the connection to nats-server is lost');
    connected = false;
  });
  listeners.onReconnect(() => {
    connected = true;
    logger.info({}, 'connected to nats-server again');
  });
  listeners.onDenied((operation, subject) => {
    logger.error({ operation, subject }, 'nats-server denies this service an operation');
  });
  const closed = link.closed.then((reason) => {
    connected = false;
    if (reason && !closing) logger.error({ err: reason }, 'the connection to nats-server is closed');
    listeners.disconnected();
  });
  link.subscribe(`${prefix}.>`, undefined, (message) => {
    inboxes.get(message.subject.slice(message.subject.lastIndexOf('.') + 1))?.(message);
  });

  const bus: Bus = {
    service,
    logger,
    maxPayloadBytes: link.maxPayloadBytes,
    get connected() {
      return connected;
    },
    publish(subject, data, options) {
      if (!connected) throw away();
      link.publish(subject, data, options);
    },
    subscribe: (subject, onMessage, queue) => link.subscribe(subject, queue, onMessage),
    openInbox(answerer, onMessage) {
      const id = randomBytes(16).toString('base64url');
      inboxes.set(id, onMessage);
      return { id, subject: `${prefix}.${answerer}.${id}`, close: () => inboxes.delete(id) };
    },
    async request(subject, data, { signal, timeoutMs, headers }) {
      const { promise, resolve, reject } = Promise.withResolvers<BusMessage>();
      const inbox = bus.openInbox('any', (message) => {
        if (message.status === 503)
          reject(new ConnectError(`nobody listens on ${subject}`, Code.Unavailable));
        else resolve(message);
      });
      const deadline = setTimeout(() => {
        reject(new ConnectError(`no answer on ${subject} within ${timeoutMs} ms`, Code.DeadlineExceeded));
      }, timeoutMs);
      const onAbort = () => reject(signal?.reason);
      const offDisconnect = bus.onDisconnect(() => reject(away()));
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        signal?.throwIfAborted();
        bus.publish(subject, data, { reply: inbox.subject, headers });
        return await promise;
      } finally {
        clearTimeout(deadline);
        signal?.removeEventListener('abort', onAbort);
        offDisconnect();
        inbox.close();
      }
    },
    async hasListeners(subject) {
      let heard = true;
      const inbox = bus.openInbox('any', ({ status }) => {
        if (status === 503) heard = false;
      });
      try {
        bus.publish(subject, new Uint8Array(), { reply: inbox.subject });
        // nats-server says that nobody listens before it answers what follows.
        await bus.flush();
        return heard;
      } finally {
        inbox.close();
      }
    },
    flush: () => (connected ? link.flush() : Promise.reject(away())),
    async whenConnected(signal) {
      signal.throwIfAborted();
      if (connected) return;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const off = bus.onReconnect(resolve);
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        await promise;
      } finally {
        off();
        signal.removeEventListener('abort', onAbort);
      }
    },
    onDisconnect: listeners.onDisconnect,
    onReconnect: listeners.onReconnect,
    onDenied: listeners.onDenied,
    closed,
    async close() {
      closing = true;
      if (connected) {
        const patience = new AbortController();
        const late = delay(closeFlushMs, undefined, { signal: patience.signal }).catch(() => {});
        await Promise.race([link.flush().catch(() => {}), late]);
        patience.abort();
      }
      connected = false;
      await link.close();
      await closed;
    },
  };
  return bus;
}

function away(): ConnectError {
  return new ConnectError('nats-server is away; try again when it is back', Code.Unavailable);
}
