import { invalidField } from '../invalid-argument.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainWorkloadSpec } from './workload-wire.ts';

/** Accepts a workload; its state tells how the making went. */
export function createWorkload({
  workloads,
}: Pick<ControlDeps, 'workloads'>): ControlMethods['createWorkload'] {
  return async ({ spec }) => {
    if (spec === undefined) throw invalidField('spec', 'the request has no spec');
    return { workloadId: await workloads.create(toDomainWorkloadSpec(spec)) };
  };
}
