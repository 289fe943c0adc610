import { Code, ConnectError } from '@connectrpc/connect';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainWorkloadSpec } from './workload-wire.ts';

/** Accepts a workload; its state tells how the making went. */
export function createWorkload({
  workloads,
}: Pick<ControlDeps, 'workloads'>): ControlMethods['createWorkload'] {
  return async ({ spec }) => {
    if (spec === undefined) throw new ConnectError('the request has no spec', Code.InvalidArgument);
    return { workloadId: await workloads.create(toDomainWorkloadSpec(spec)) };
  };
}
