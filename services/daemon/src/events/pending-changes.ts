import { type Change, changeKey, isFinal, isSameEnd } from '../state/change.ts';

/** What waits for one reader. */
export interface PendingChanges {
  readonly size: number;
  push(change: Change): void;
  /** The one that waits the longest. */
  shift(): Change | undefined;
}

/**
 * A queue that keeps everything for a reader that is up to `backlog` changes behind. For one that is slower it
 * keeps only the newest state of each object, and all final ones, until it has caught up.
 */
export function createPendingChanges(backlog: number): PendingChanges {
  /** In the order of arrival. */
  const waiting = new Map<number, Change>();
  /** Where the newest change of each object waits. */
  const newest = new Map<string, number>();
  let arrived = 0;
  let slow = false;

  /** Takes out what is older than the newest state of its object and no final one. */
  function thin(): void {
    for (const [number, change] of waiting) {
      if (newest.get(changeKey(change)) !== number && !isFinal(change)) waiting.delete(number);
    }
  }

  return {
    get size() {
      return waiting.size;
    },
    push(change) {
      if (!slow && waiting.size >= backlog) {
        slow = true;
        thin();
      }
      const key = changeKey(change);
      const before = newest.get(key);
      const older = before === undefined ? undefined : waiting.get(before);
      if (
        slow &&
        before !== undefined &&
        older !== undefined &&
        (!isFinal(older) || isSameEnd(older, change))
      ) {
        waiting.delete(before);
      }
      arrived += 1;
      waiting.set(arrived, change);
      newest.set(key, arrived);
    },
    shift() {
      for (const [number, change] of waiting) {
        waiting.delete(number);
        const key = changeKey(change);
        if (newest.get(key) === number) newest.delete(key);
        if (waiting.size === 0) slow = false;
        return change;
      }
      return undefined;
    },
  };
}
