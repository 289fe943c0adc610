import { decodeWorkloadId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';

/** Starts a workload, waiting for it to be made first; again when it has ended before. */
export function startWorkload({
  workloads,
}: Pick<ControlDeps, 'workloads'>): ControlMethods['startWorkload'] {
  return async ({ workloadId }, { signal }) => {
    await workloads.start(decodeWorkloadId(workloadId), signal);
    return {};
  };
}
