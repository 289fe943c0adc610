import { decodeWorkloadId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';

/** Accepts the end of a workload; a DESTROYED event tells when nothing is left of it. */
export function destroyWorkload({
  workloads,
}: Pick<ControlDeps, 'workloads'>): ControlMethods['destroyWorkload'] {
  return async ({ workloadId }) => {
    await workloads.destroy(decodeWorkloadId(workloadId));
    return {};
  };
}
