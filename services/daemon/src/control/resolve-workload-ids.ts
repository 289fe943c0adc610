import type { ControlDeps, ControlMethods } from './deps.ts';
import { idsByName } from './resolve-name.ts';

/** Every workload of this name, newest first. NOT_FOUND when there is none. */
export function resolveWorkloadIds({
  state,
}: Pick<ControlDeps, 'state'>): ControlMethods['resolveWorkloadIds'] {
  return ({ name }) => ({ workloadIds: idsByName('workload', state.workloads.all(), name) });
}
