import { Code, ConnectError } from '@connectrpc/connect';
import { watchBacklog, watchersMax, watchPendingMax, watchStallMs } from '../limits.ts';
import type { Change } from '../state/change.ts';
import { createPendingChanges, type PendingChanges } from './pending-changes.ts';
import { Wakeup } from './wakeup.ts';

interface Watcher {
  pending: PendingChanges;
  readonly wakeup: Wakeup;
  /** When the reader last took something, or had nothing to take. */
  tookAt: number;
  stallTimer: NodeJS.Timeout | undefined;
  /** Why the stream ends before its reader wants it to. */
  failure: ConnectError | undefined;
}

/** Hands every stored change to all who watch. */
export interface WatchHub {
  publish(change: Change): void;
  /** Readers now. */
  readonly watchers: number;
  /** Readers whose streams ended since they were too slow. */
  readonly cut: number;
  /**
   * Changes from now on until `signal` aborts, which ends the iteration. A slow reader misses steps in between
   * but gets the newest state of every object and all final ones. RESOURCE_EXHAUSTED at once when there are too
   * many readers, and for one that takes nothing for a minute or leaves too much waiting.
   */
  watch(signal: AbortSignal): AsyncGenerator<Change>;
}

/** `stallMs`: how long a reader may take nothing. */
export function createWatchHub({ stallMs = watchStallMs } = {}): WatchHub {
  const watchers = new Set<Watcher>();
  let cut = 0;

  function push(watcher: Watcher, change: Change): void {
    if (watcher.pending.size === 0) watcher.tookAt = performance.now();
    watcher.pending.push(change);
    if (watcher.pending.size > watchPendingMax) {
      fail(watcher, `${watchPendingMax} changes wait for the reader; list anew, watch again and read faster`);
      return;
    }
    watcher.stallTimer ??= setTimeout(() => checkStall(watcher), stallMs);
    watcher.wakeup.wake();
  }

  function checkStall(watcher: Watcher): void {
    watcher.stallTimer = undefined;
    if (watcher.pending.size === 0) return;
    const idleMs = performance.now() - watcher.tookAt;
    // Timers may fire a little early.
    if (idleMs < stallMs - 1) {
      watcher.stallTimer = setTimeout(() => checkStall(watcher), stallMs - idleMs);
      return;
    }
    const text = `the reader took nothing for ${stallMs / 1000} s; list anew, watch again and read faster`;
    fail(watcher, text);
  }

  function fail(watcher: Watcher, message: string): void {
    watcher.failure = new ConnectError(message, Code.ResourceExhausted);
    cut += 1;
    forget(watcher);
    watcher.wakeup.wake();
  }

  /** Frees what waits; the reader may not come back for it. */
  function forget(watcher: Watcher): void {
    watchers.delete(watcher);
    clearTimeout(watcher.stallTimer);
    watcher.pending = createPendingChanges(watchBacklog);
  }

  async function* follow(watcher: Watcher, signal: AbortSignal): AsyncGenerator<Change> {
    signal.addEventListener('abort', watcher.wakeup.wake, { once: true });
    try {
      while (!signal.aborted) {
        watcher.wakeup.reset();
        if (watcher.failure !== undefined) throw watcher.failure;
        const next = watcher.pending.shift();
        watcher.tookAt = performance.now();
        if (next !== undefined) yield next;
        else await watcher.wakeup.wait();
      }
    } finally {
      forget(watcher);
      signal.removeEventListener('abort', watcher.wakeup.wake);
    }
  }

  return {
    get watchers() {
      return watchers.size;
    },
    get cut() {
      return cut;
    },
    publish(change) {
      for (const watcher of watchers) push(watcher, change);
    },
    watch(signal) {
      if (watchers.size >= watchersMax) {
        throw new ConnectError(`${watchersMax} callers watch events already`, Code.ResourceExhausted);
      }
      const watcher: Watcher = {
        pending: createPendingChanges(watchBacklog),
        wakeup: new Wakeup(),
        tookAt: performance.now(),
        stallTimer: undefined,
        failure: undefined,
      };
      watchers.add(watcher);
      signal.addEventListener('abort', () => forget(watcher), { once: true });
      return follow(watcher, signal);
    },
  };
}
