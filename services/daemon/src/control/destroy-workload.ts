import { decodeWorkloadId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';

/** Takes a workload away and answers when nothing is left of it. */
export function destroyWorkload({
  workloads,
}: Pick<ControlDeps, 'workloads'>): ControlMethods['destroyWorkload'] {
  return async ({ workloadId }, { signal }) => {
    await workloads.destroy(decodeWorkloadId(workloadId), signal);
    return {};
  };
}
