import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ConnectError } from '@connectrpc/connect';
import type { ControlService } from '@protect/proto/control';
import type { Zone } from '@protect/proto/control-common';
import type { Logger } from 'pino';
import { createZoneCounts, type ZoneStateName } from './zone-counts.ts';

const retryMs = { first: 250, last: 10_000 };

export interface ZoneWatchOptions {
  readonly control: Pick<Client<typeof ControlService>, 'listZones' | 'watchEvents'>;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  readonly signal: AbortSignal;
  /** Called on every change; undefined when the daemon is not followed any more. */
  onCounts(counts: ReadonlyMap<ZoneStateName, number> | undefined): void;
}

export interface ZoneWatch {
  /** Whether the counts are those of the daemon's zones now. */
  following(): boolean;
  /** Settles when the signal has ended it. */
  readonly ended: Promise<void>;
}

/** Follows the daemon's zones for as long as the signal allows; comes back by itself. */
export function watchZones({ control, logger, signal, onCounts }: ZoneWatchOptions): ZoneWatch {
  let following = false;

  async function follow(attempt: AbortSignal, onFollowing: () => void): Promise<void> {
    const counts = createZoneCounts();
    // Events first: what changes between the list and the events would be missed the other way round.
    const events = control.watchEvents({}, { signal: attempt })[Symbol.asyncIterator]();
    let next = events.next();
    next.catch(() => {});
    const zones: Zone[] = [];
    for await (const reply of control.listZones({}, { signal: attempt })) zones.push(...reply.zones);
    counts.replace(zones);
    onFollowing();
    onCounts(counts.counts());
    for (let event = await next; event.done !== true; event = await next) {
      next = events.next();
      next.catch(() => {});
      if (event.value.event.case !== 'zoneChanged' || event.value.event.value.zone === undefined) continue;
      counts.change(event.value.event.value.zone);
      onCounts(counts.counts());
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
        onCounts(undefined);
      }
      await delay(waitMs, undefined, { signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, retryMs.last);
    }
  }

  return { following: () => following, ended: run() };
}
