import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ConnectError } from '@connectrpc/connect';
import type { ControlService } from '@protect/proto/control';
import type { Zone } from '@protect/proto/control-common';
import type { Logger } from 'pino';
import type { ZoneTable } from './zone-table.ts';

const retryMs = { first: 250, last: 10_000 };

export interface ZoneWatchOptions {
  readonly control: Pick<Client<typeof ControlService>, 'listZones' | 'watchEvents'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly signal: AbortSignal;
  /** Holds the daemon's zones while the daemon is followed, and nothing else. */
  readonly table: ZoneTable;
}

export interface ZoneWatch {
  /** Whether the table has the daemon's zones as they are now. */
  following(): boolean;
  /** Settles when the signal has ended it. */
  readonly ended: Promise<void>;
}

/** Follows the daemon's zones for as long as the signal allows; comes back by itself. */
export function watchZones({ control, logger, signal, table }: ZoneWatchOptions): ZoneWatch {
  let following = false;

  async function follow(attempt: AbortSignal, onFollowing: () => void): Promise<void> {
    // Events first: what changes between the list and the events would be missed the other way round.
    const events = control.watchEvents({}, { signal: attempt })[Symbol.asyncIterator]();
    let next = events.next();
    next.catch(() => {});
    const zones: Zone[] = [];
    for await (const reply of control.listZones({}, { signal: attempt })) zones.push(...reply.zones);
    table.replace(zones);
    onFollowing();
    for (let event = await next; event.done !== true; event = await next) {
      next = events.next();
      next.catch(() => {});
      if (event.value.event.case !== 'zoneChanged' || event.value.event.value.zone === undefined) continue;
      table.change(event.value.event.value.zone);
    }
  }

  async function run(): Promise<void> {
    let waitMs = retryMs.first;
    while (!signal.aborted) {
      const attempt = new AbortController();
      try {
        await follow(AbortSignal.any([signal, attempt.signal]), () => {
          following = true;
          waitMs = retryMs.first;
          logger.info({}, 'following the daemon');
        });
      } catch (error) {
        if (!signal.aborted && (following || waitMs === retryMs.first)) {
          logger.warn({ err: ConnectError.from(error) }, 'the daemon cannot be followed; trying again');
        }
      } finally {
        attempt.abort();
        following = false;
        table.forget();
      }
      await delay(waitMs, undefined, { signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, retryMs.last);
    }
  }

  return { following: () => following, ended: run() };
}
