import { invalidField } from '../invalid-argument.ts';
import { decodeWorkloadId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';

const defaultTimeoutSeconds = 10n;
const maxTimeoutSeconds = 86_400n;

/** Ends a workload: SIGTERM, and SIGKILL after the timeout (seconds; 0 for 10). */
export function stopWorkload({ workloads }: Pick<ControlDeps, 'workloads'>): ControlMethods['stopWorkload'] {
  return async ({ workloadId, timeout }, { signal }) => {
    const seconds = timeout === 0n ? defaultTimeoutSeconds : timeout;
    if (seconds > maxTimeoutSeconds) {
      throw invalidField('timeout', `timeout is ${seconds} s; at most a day is taken`);
    }
    await workloads.stop(decodeWorkloadId(workloadId), Number(seconds) * 1000, signal);
    return {};
  };
}
