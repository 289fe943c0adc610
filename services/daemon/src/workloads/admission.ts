import { Code, ConnectError } from '@connectrpc/connect';
import type { LimitsConfig } from '@protect/config/daemon-config';
import type { WorkloadRecord } from '../state/workload-record.ts';

/** RESOURCE_EXHAUSTED when the host or the zone has as many workloads as it may; `known` has those of all zones. */
export function admitWorkload(
  { spec: { zoneId } }: Pick<WorkloadRecord, 'spec'>,
  known: readonly Pick<WorkloadRecord, 'spec'>[],
  limits: Pick<LimitsConfig, 'workloads' | 'workloadsPerZone'>,
): void {
  const inZone = known.filter(({ spec }) => spec.zoneId === zoneId).length;
  if (known.length >= limits.workloads)
    throw exhausted('this host', known.length, 'workloads', limits.workloads);
  if (inZone >= limits.workloadsPerZone) {
    throw exhausted(`zone ${zoneId}`, inZone, 'workloads-per-zone', limits.workloadsPerZone);
  }
}

function exhausted(who: string, count: number, key: string, most: number): ConnectError {
  const remedy = `destroy some, or raise ${key} of [runtime.limits] in daemon.toml`;
  return new ConnectError(
    `${who} has ${count} workloads, and ${most} are the most; ${remedy}`,
    Code.ResourceExhausted,
  );
}
