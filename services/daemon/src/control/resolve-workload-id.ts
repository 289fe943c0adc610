import type { WorkloadRecord } from '../state/workload-record.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { resolveName } from './resolve-name.ts';

/** The workload that a name means: the newest that runs or will, else the newest. */
export function resolveWorkloadId({
  state,
}: Pick<ControlDeps, 'state'>): ControlMethods['resolveWorkloadId'] {
  return ({ name }) => ({
    workloadId: resolveName('workload', state.workloads.all(), name, isActive).id,
  });
}

function isActive({ status: { state } }: WorkloadRecord): boolean {
  return state === 'creating' || state === 'created' || state === 'running';
}
