import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Event, Hello } from '@protect/proto/idm';
import type { Logger } from 'pino';
import type { Domain } from '../hypervisor/hypervisor.ts';
import { type IdmConnection, openIdmConnection } from './connection.ts';
import type { IdmTap } from './snoop.ts';

/**
 * Milliseconds for a zone's hello before it is asked again: the first question may be lost when the
 * zone still notices the end of the connection before. Doubles up to the maximum.
 */
const helloMinMs = 500;
const helloMaxMs = 4_000;

/** Milliseconds without a hello after which the channel is opened anew; a zone may still boot. */
const helloDeadlineMs = 60_000;

/** Milliseconds before a lost channel is opened again; doubles up to the maximum. */
const retryMinMs = 50;
const retryMaxMs = 5_000;

export interface IdmLinkOptions {
  readonly domain: Pick<Domain, 'zoneId' | 'openIdm' | 'ended'>;
  readonly logger: Logger;
  /** The daemon's version. */
  readonly version: string;
  readonly tap?: IdmTap;
  /** After each hello, before any event of that connection. */
  readonly onConnected?: (connection: IdmConnection, hello: Hello) => void;
  /** Each event of the zone after the hello; the first is its inventory. */
  readonly onEvent?: (event: Event, connection: IdmConnection) => void;
}

/** One zone's channel, kept open while the zone's machine lives. */
export interface IdmLink {
  /** The zone's last introduction, if it is connected now. */
  readonly hello: Hello | undefined;
  /** A connection after its hello; waits for one. UNAVAILABLE once the zone has ended, CANCELED on abort. */
  connected(signal: AbortSignal): Promise<IdmConnection>;
  /** Lets go of the channel; settles when nothing of the link runs. */
  close(): Promise<void>;
}

async function greet(connection: IdmConnection, signal: AbortSignal): Promise<Hello> {
  const until = performance.now() + helloDeadlineMs;
  for (let deadlineMs = helloMinMs; ; deadlineMs = Math.min(deadlineMs * 2, helloMaxMs)) {
    try {
      return await connection.hello({ deadlineMs, signal });
    } catch (error) {
      const mayBeLost = error instanceof ConnectError && error.code === Code.DeadlineExceeded;
      if (!mayBeLost || performance.now() > until) throw error;
    }
  }
}

async function settledOrAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = () => resolve();
  signal.addEventListener('abort', onAbort, { once: true });
  await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', onAbort);
}

/** Starts to connect at once, and again whenever the channel is lost. */
export function startIdmLink(options: IdmLinkOptions): IdmLink {
  const { domain, onConnected, onEvent } = options;
  const logger = options.logger.child({ zone: domain.zoneId });
  const stop = new AbortController();
  let current: { connection: IdmConnection; hello: Hello } | undefined;
  let change = Promise.withResolvers<void>();

  function setCurrent(next: typeof current): void {
    current = next;
    change.resolve();
    change = Promise.withResolvers<void>();
  }

  async function connectOnce(): Promise<boolean> {
    const stream = await domain.openIdm(stop.signal);
    const connection = openIdmConnection(stream, {
      zoneId: domain.zoneId,
      logger: options.logger,
      version: options.version,
      ...(options.tap ? { tap: options.tap } : {}),
    });
    const onStop = () => connection.close();
    stop.signal.addEventListener('abort', onStop, { once: true });
    try {
      // The inventory may come in the same bytes as the hello, before this function goes on.
      const early: Event[] = [];
      connection.onEvent((event) => {
        if (current?.connection === connection) onEvent?.(event, connection);
        else early.push(event);
      });
      const hello = await greet(connection, stop.signal);
      setCurrent({ connection, hello });
      logger.info({ zoneVersion: hello.version, kernel: hello.kernelRelease }, 'IDM connected');
      onConnected?.(connection, hello);
      for (const event of early) onEvent?.(event, connection);
      const reason = await connection.closed;
      if (!stop.signal.aborted) logger.warn({ reason }, 'IDM lost');
      return true;
    } finally {
      stop.signal.removeEventListener('abort', onStop);
      connection.close();
      setCurrent(undefined);
    }
  }

  async function run(): Promise<void> {
    let retryMs = retryMinMs;
    while (!stop.signal.aborted) {
      try {
        if (await connectOnce()) retryMs = retryMinMs;
      } catch (error) {
        if (!stop.signal.aborted) logger.debug({ err: error, retryMs }, 'IDM is not there yet');
      }
      await delay(retryMs, undefined, { signal: stop.signal }).catch(() => undefined);
      retryMs = Math.min(retryMs * 2, retryMaxMs);
    }
    setCurrent(undefined);
  }

  void domain.ended.then(() => stop.abort());
  const running = run();

  return {
    get hello() {
      return current?.hello;
    },
    async connected(signal) {
      while (current === undefined) {
        if (signal.aborted) throw new ConnectError('the call was canceled', Code.Canceled);
        if (stop.signal.aborted) {
          throw new ConnectError(`zone ${domain.zoneId} has ended`, Code.Unavailable);
        }
        await settledOrAborted(change.promise, signal);
      }
      return current.connection;
    },
    async close() {
      stop.abort();
      await running;
    },
  };
}
