import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { withDeadline } from '../deadline.ts';
import type { ListedDomain } from './domain-list.ts';

const defaultRetryMs = 1_000;

/** Milliseconds for a look at the domains, one under way before it included. */
const lookDeadlineMs = 30_000;

/** What a follower is told: all domains of the host as they were after it began to follow. */
export type DomainListener = (domains: readonly ListedDomain[]) => void;

/** Sees domains stop and go. Watches once for all followers, and not without any. */
export interface DomainWatch {
  /** All domains of the host, as they are after this call. */
  look(signal: AbortSignal): Promise<readonly ListedDomain[]>;
  /** Calls `listener` after every change; ends with the function that it returns. */
  follow(listener: DomainListener): () => void;
}

/** Calls back when a domain stops or goes, and once soon; `ended` settles when no more will come. */
export type WatchDomains = (onEvent: () => void) => { readonly ended: Promise<void>; stop(): void };

export interface DomainWatchOptions {
  /** Reads all domains of the host. */
  readonly list: () => Promise<readonly ListedDomain[]>;
  /** Tells when to read them. */
  readonly watchDomains: WatchDomains;
  readonly logger: Logger;
  /** Milliseconds before what failed, a look or the watcher, is tried again. Default 1000. */
  readonly retryMs?: number;
}

export function createDomainWatch(options: DomainWatchOptions): DomainWatch {
  const { list, watchDomains, logger, retryMs = defaultRetryMs } = options;
  /** Followers with the number of looks begun before them: an older look may not know their domain yet. */
  const followers = new Map<DomainListener, number>();
  let looksBegun = 0;
  let current: Promise<readonly ListedDomain[]> | undefined;
  let next: Promise<readonly ListedDomain[]> | undefined;
  let stopWatching: (() => void) | undefined;

  async function lookNow(): Promise<readonly ListedDomain[]> {
    next = undefined;
    looksBegun += 1;
    const number = looksBegun;
    const domains = await list();
    for (const [listener, since] of followers) if (number > since) listener(domains);
    return domains;
  }

  /** A look that begins after this call; all who ask while one is under way share the next. */
  function freshLook(): Promise<readonly ListedDomain[]> {
    if (current === undefined) {
      const look = lookNow().finally(() => {
        if (current === look) current = undefined;
      });
      current = look;
      return look;
    }
    next ??= current.then(
      () => freshLook(),
      () => freshLook(),
    );
    return next;
  }

  function lookSoon(): void {
    if (next !== undefined) return;
    freshLook().catch(async (error: unknown) => {
      logger.warn({ err: error }, "Xen's domains could not be listed");
      await delay(retryMs);
      if (followers.size > 0) lookSoon();
    });
  }

  async function watch(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) {
      const watcher = watchDomains(lookSoon);
      stopped.addEventListener('abort', watcher.stop, { once: true });
      await watcher.ended;
      stopped.removeEventListener('abort', watcher.stop);
      if (stopped.aborted) return;
      logger.warn({}, "the watch over Xen's domains ended; it is started again");
      await delay(retryMs, undefined, { signal: stopped }).catch(() => undefined);
    }
  }

  return {
    async look(signal) {
      return await withDeadline(freshLook(), 'to list its domains', lookDeadlineMs, signal);
    },
    follow(listener) {
      followers.set(listener, looksBegun);
      if (stopWatching === undefined) {
        const stop = new AbortController();
        stopWatching = () => stop.abort();
        void watch(stop.signal);
      }
      return () => {
        followers.delete(listener);
        if (followers.size > 0) return;
        stopWatching?.();
        stopWatching = undefined;
      };
    },
  };
}
