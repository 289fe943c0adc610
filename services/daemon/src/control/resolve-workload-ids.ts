import type { ControlDeps, ControlMethods } from './deps.ts';
import { findByName } from './resolve-name.ts';

/** Every workload of this name, newest first. */
export function resolveWorkloadIds({
  state,
}: Pick<ControlDeps, 'state'>): ControlMethods['resolveWorkloadIds'] {
  return ({ name }) => ({ workloadIds: findByName(state.workloads.all(), name).map(({ id }) => id) });
}
