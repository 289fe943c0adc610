import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { outboxMax } from '../limits.ts';
import type { OutboxRow, State } from '../state/state.ts';

const batch = 100;
const retryMinMs = 250;
const retryMaxMs = 30_000;

export interface OutboxPublisher extends AsyncDisposable {
  /** Says that there may be something to publish, or that publishing may work again. */
  wake(): void;
  /** Events that went unpublished, since too many waited. */
  readonly dropped: number;
}

interface PublisherDeps {
  readonly state: Pick<State, 'readOutbox' | 'forgetOutbox' | 'trimOutbox'>;
  /** Settles when the stream has the event; the same event twice counts once there. */
  readonly publish: (row: OutboxRow) => Promise<void>;
  readonly logger: Logger;
}

/** Publishes stored events in their order, each until the stream has it. Nothing else waits for it. */
export function startOutboxPublisher(deps: PublisherDeps): OutboxPublisher {
  const { state, publish, logger } = deps;
  const stop = new AbortController();
  let news = Promise.withResolvers<void>();
  let patience = new AbortController();
  let dropped = 0;

  async function publishBatch(): Promise<boolean> {
    const rows = await state.readOutbox(batch);
    let done: number | undefined;
    try {
      for (const row of rows) {
        if (stop.signal.aborted) return false;
        await publish(row);
        done = row.sequence;
      }
    } finally {
      if (done !== undefined) await state.forgetOutbox(done);
    }
    return rows.length === batch;
  }

  async function run(): Promise<void> {
    let retryMs = retryMinMs;
    while (!stop.signal.aborted) {
      const waiting = news.promise;
      try {
        const more = await publishBatch();
        retryMs = retryMinMs;
        if (!more && !stop.signal.aborted) await waiting;
      } catch (error) {
        if (stop.signal.aborted) return;
        logger.warn({ err: error, retryMs }, 'events wait: they could not be published');
        dropped += await state.trimOutbox(outboxMax);
        patience = new AbortController();
        await delay(retryMs, undefined, { signal: patience.signal }).catch(() => undefined);
        retryMs = Math.min(retryMs * 2, retryMaxMs);
      }
    }
  }

  const running = run().catch((error: unknown) => {
    if (!stop.signal.aborted) logger.error({ err: error }, 'publishing events ended');
  });

  return {
    get dropped() {
      return dropped;
    },
    wake() {
      news.resolve();
      news = Promise.withResolvers();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      patience.abort();
      news.resolve();
      await running;
    },
  };
}
