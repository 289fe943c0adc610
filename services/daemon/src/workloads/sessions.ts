import { setTimeout as delay } from 'node:timers/promises';
import type { WorkloadId, ZoneId } from '@protect/config/ids';
import type { Logger } from 'pino';
import type { IdmConnection } from '../idm/connection.ts';
import type { IdmStream } from '../idm/stream.ts';
import type { WorkloadRecord } from '../state/workload-record.ts';
import type { OutputLogs } from './output-logs.ts';
import { pumpOutput } from './pump.ts';

const retryMinMs = 250;
const retryMaxMs = 5_000;

interface Session {
  readonly zoneId: ZoneId;
  readonly run: number;
  readonly connection: IdmConnection;
  readonly abort: AbortController;
  stream: IdmStream | undefined;
  done: Promise<void>;
}

/** The streams that carry the workloads' output and input while their zones are connected. */
export interface Sessions {
  /** Makes sure that the output of this run is carried over this connection. */
  ensure(record: WorkloadRecord, run: number, connection: IdmConnection): void;
  /** Settles when the output of the current session is stored or lost; at once without a session. */
  drained(id: WorkloadId): Promise<void>;
  /** The stream that takes the input of this run, or undefined while there is none. */
  stream(id: WorkloadId): IdmStream | undefined;
  /** Calls back when there may be another stream. */
  onChange(listener: () => void): () => void;
  end(id: WorkloadId): Promise<void>;
  endAll(zoneId?: ZoneId): Promise<void>;
}

export function createSessions(deps: { logs: OutputLogs; logger: Logger }): Sessions {
  const { logs, logger } = deps;
  const sessions = new Map<WorkloadId, Session>();
  const listeners = new Set<() => void>();

  async function carry(record: WorkloadRecord, session: Session): Promise<void> {
    const { connection, run, abort } = session;
    let connected = true;
    void connection.closed.then(() => {
      connected = false;
    });
    // Not given up while the zone holds the output: a full disk may have room again at any time.
    for (let retryMs = retryMinMs; ; retryMs = Math.min(retryMs * 2, retryMaxMs)) {
      try {
        const log = await logs.open(record);
        await pumpOutput({
          connection,
          log,
          workloadId: record.id,
          run,
          signal: abort.signal,
          onStream: (stream) => {
            session.stream = stream;
            for (const listener of listeners) listener();
          },
        });
        return;
      } catch (error) {
        session.stream = undefined;
        // A new connection brings an inventory, and that a new session.
        if (abort.signal.aborted || !connected) return;
        logger.warn({ err: error, workload: record.id, retryMs }, 'output of a workload was interrupted');
        await delay(retryMs, undefined, { signal: abort.signal }).catch(() => undefined);
      }
    }
  }

  async function end(id: WorkloadId): Promise<void> {
    const session = sessions.get(id);
    if (session === undefined) return;
    sessions.delete(id);
    session.abort.abort();
    await session.done;
  }

  return {
    ensure(record, run, connection) {
      const current = sessions.get(record.id);
      if (current?.connection === connection && current.run === run) return;
      current?.abort.abort();
      const session: Session = {
        zoneId: record.spec.zoneId,
        run,
        connection,
        abort: new AbortController(),
        stream: undefined,
        done: Promise.resolve(),
      };
      session.done = (current?.done ?? Promise.resolve()).then(() => carry(record, session));
      sessions.set(record.id, session);
    },
    async drained(id) {
      await sessions.get(id)?.done;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    stream: (id) => sessions.get(id)?.stream,
    end,
    async endAll(zoneId) {
      const ids = [...sessions].filter(([, { zoneId: of }]) => zoneId === undefined || of === zoneId);
      await Promise.all(ids.map(([id]) => end(id)));
    },
  };
}
