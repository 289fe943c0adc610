import type { WorkloadId } from '@protect/config/ids';
import type { Logger } from 'pino';
import { keepTrying } from './keep-trying.ts';

interface DeparturesDeps {
  /** One attempt to take a workload away; succeeds for one that is gone. */
  readonly attempt: (id: WorkloadId) => Promise<void>;
  readonly logger: Pick<Logger, 'error'>;
  readonly signal: AbortSignal;
  readonly background: (name: string, work: Promise<unknown>) => void;
}

/**
 * Sees to it that a workload on its way out goes in the end: begins an attempt, gives its outcome, and goes on with
 * others, one at a time, when it fails.
 */
export function createDepartures(deps: DeparturesDeps): (id: WorkloadId) => Promise<void> {
  const leaving = new Set<WorkloadId>();
  return (id) => {
    const first = deps.attempt(id);
    if (leaving.has(id)) return first;
    leaving.add(id);
    let begun: Promise<void> | undefined = first;
    const work = () => {
      const now = begun ?? deps.attempt(id);
      begun = undefined;
      return now;
    };
    const options = { logger: deps.logger, signal: deps.signal, isAnswer: () => false };
    const gone = keepTrying('destroy workload', work, options).finally(() => leaving.delete(id));
    deps.background('destroy workload', gone);
    return first;
  };
}
