import { decodeWorkloadId } from './decode-id.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toWireWorkload } from './workload-wire.ts';

export function getWorkload({ workloads }: Pick<ControlDeps, 'workloads'>): ControlMethods['getWorkload'] {
  return ({ workloadId }) => ({ workload: toWireWorkload(workloads.get(decodeWorkloadId(workloadId))) });
}
