import { type Change, changeKey } from '../state/change.ts';
import { Wakeup } from './wakeup.ts';

/** Changes that wait for a reader in the order they came; beyond, only the newest of each object waits. */
export const watchQueueMax = 256;

/** Readers at one time; more are refused. */
export const watchersMax = 256;

interface Watcher {
  queue: Change[];
  readonly wakeup: Wakeup;
}

/** Hands every stored change to all who watch. */
export interface WatchHub {
  publish(change: Change): void;
  /** Readers now. */
  readonly watchers: number;
  readonly full: boolean;
  /**
   * Changes from now on until `signal` aborts, which ends the iteration. A slow reader misses steps in
   * between but gets the newest state of every object, and with that always its last.
   */
  watch(signal: AbortSignal): AsyncGenerator<Change>;
}

export function createWatchHub(): WatchHub {
  const watchers = new Set<Watcher>();

  function push(watcher: Watcher, change: Change): void {
    if (watcher.queue.length >= watchQueueMax) {
      const key = changeKey(change);
      const at = watcher.queue.findIndex((waiting) => changeKey(waiting) === key);
      // Otherwise the queue grows by one for each object there is, no further.
      if (at >= 0) watcher.queue.splice(at, 1);
    }
    watcher.queue.push(change);
    watcher.wakeup.wake();
  }

  async function* follow(watcher: Watcher, signal: AbortSignal): AsyncGenerator<Change> {
    signal.addEventListener('abort', watcher.wakeup.wake, { once: true });
    try {
      while (!signal.aborted) {
        watcher.wakeup.reset();
        const next = watcher.queue.shift();
        if (next !== undefined) {
          yield next;
        } else {
          await watcher.wakeup.wait();
        }
      }
    } finally {
      watchers.delete(watcher);
      signal.removeEventListener('abort', watcher.wakeup.wake);
    }
  }

  return {
    get watchers() {
      return watchers.size;
    },
    get full() {
      return watchers.size >= watchersMax;
    },
    publish(change) {
      for (const watcher of watchers) push(watcher, change);
    },
    watch(signal) {
      const watcher: Watcher = { queue: [], wakeup: new Wakeup() };
      watchers.add(watcher);
      signal.addEventListener('abort', () => watchers.delete(watcher), { once: true });
      return follow(watcher, signal);
    },
  };
}
