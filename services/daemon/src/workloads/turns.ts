import type { WorkloadId } from '@protect/config/ids';

/** The operations on one workload that are under way or wait for their turn. */
interface Work {
  tail: Promise<unknown>;
  readonly aborts: Set<AbortController>;
}

/** Has the operations on each workload come one after the other. */
export interface Turns {
  /** One operation at a time on a workload; `aborted` tells the operation that it is in the way. */
  take<T>(id: WorkloadId, operation: (aborted: AbortSignal) => Promise<T>): Promise<T>;
  /** Tells all operations on a workload that they are in the way. */
  abort(id: WorkloadId): void;
}

/** When `stop` aborts, every operation is in the way. */
export function createTurns(stop: AbortSignal): Turns {
  const works = new Map<WorkloadId, Work>();
  return {
    async take(id, operation) {
      const work = works.get(id) ?? { tail: Promise.resolve(), aborts: new Set() };
      works.set(id, work);
      const abort = new AbortController();
      work.aborts.add(abort);
      const onStop = () => abort.abort();
      stop.addEventListener('abort', onStop, { once: true });
      const result = work.tail.then(() => operation(abort.signal));
      work.tail = result.then(
        () => undefined,
        () => undefined,
      );
      try {
        return await result;
      } finally {
        stop.removeEventListener('abort', onStop);
        work.aborts.delete(abort);
        if (work.aborts.size === 0) works.delete(id);
      }
    },
    abort(id) {
      for (const abort of works.get(id)?.aborts ?? []) abort.abort();
    },
  };
}
