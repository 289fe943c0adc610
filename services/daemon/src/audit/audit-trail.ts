import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@protect/bus/connection';
import { auditSubject } from '@protect/bus/subjects';
import type { Logger } from 'pino';
import { Wakeup } from '../events/wakeup.ts';
import { auditQueueMax } from '../limits.ts';
import type { CallRecord } from './call-record.ts';

/** Records under way to nats-server at a time. */
const batch = 128;

/** How long nats-server may take for them before the next ones are sent. */
const flushMs = 5_000;

/** Where the records of the audit go: into the log at once, and on NATS when it is there. */
export interface AuditTrail extends AsyncDisposable {
  /** Neither waits nor throws. */
  readonly record: (record: CallRecord) => void;
  /** Records since the start that are in the log alone. */
  readonly unpublished: number;
}

interface AuditTrailDeps {
  readonly bus: Pick<Bus, 'publish' | 'flush' | 'connected' | 'onReconnect'>;
  readonly hostUuid: string;
  readonly logger: Logger;
}

/**
 * Starts the audit. What NATS does not take waits in a queue; when that is full the oldest records go, and are
 * counted.
 */
export function startAuditTrail({ bus, hostUuid, logger }: AuditTrailDeps): AuditTrail {
  const queue: CallRecord[] = [];
  const news = new Wakeup();
  const stop = new AbortController();
  let unpublished = 0;
  let losing = false;

  function lose(count: number): void {
    unpublished += count;
    if (!losing) logger.warn({ unpublished }, 'records of the audit are not published, only logged');
    losing = true;
  }

  async function publishSome(): Promise<void> {
    publishAll(queue.splice(0, batch));
    // No more than one batch waits in the client for a server that is slow.
    const over = new AbortController();
    const signal = AbortSignal.any([stop.signal, over.signal]);
    const late = delay(flushMs, undefined, { signal });
    await Promise.race([bus.flush(), late]).catch(() => undefined);
    late.catch(() => undefined);
    over.abort();
  }

  function publishAll(records: readonly CallRecord[]): void {
    for (const [index, record] of records.entries()) {
      try {
        publish(record);
        losing = false;
      } catch (error) {
        // The connection is lost; it would be so for the rest.
        logger.debug({ err: error }, 'a record of the audit could not be published');
        lose(records.length - index);
        return;
      }
    }
  }

  function publish(record: CallRecord): void {
    const { call, phase, method, time, durationMs = 0 } = record;
    const at = new Date(time.getTime() + durationMs);
    const data = {
      ...record,
      time: time.toISOString(),
      ...(unpublished === 0 ? {} : { unpublished }),
    };
    bus.publish(auditSubject(method), Buffer.from(JSON.stringify(data)), {
      headers: [
        ['Content-Type', 'application/json'],
        ['ce-specversion', '1.0'],
        ['ce-id', `${call}-${phase}`],
        ['ce-type', `protect.audit.${phase}`],
        ['ce-source', `/hosts/${hostUuid}`],
        ['ce-time', at.toISOString()],
      ],
    });
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      news.reset();
      if (queue.length > 0 && bus.connected) await publishSome();
      else await news.wait();
    }
  }

  const off = bus.onReconnect(news.wake);
  const running = run();

  return {
    get unpublished() {
      return unpublished;
    },
    record(record) {
      logger.info({ audit: record }, 'audit');
      if (queue.length >= auditQueueMax) {
        queue.shift();
        lose(1);
      }
      queue.push(record);
      news.wake();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      off();
      news.wake();
      await running;
      if (bus.connected) publishAll(queue.splice(0));
    },
  };
}
