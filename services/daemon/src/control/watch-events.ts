import type { ControlDeps, ControlMethods } from './deps.ts';
import { toWireWorkload } from './workload-wire.ts';
import { toWireZone } from './zone-wire.ts';

/**
 * Every change of a zone or workload from now on. A slow reader misses steps in between, but no final state;
 * one that stalls for a minute gets RESOURCE_EXHAUSTED.
 */
export function watchEvents({
  watchHub,
  hostUuid,
}: Pick<ControlDeps, 'watchHub' | 'hostUuid'>): ControlMethods['watchEvents'] {
  return async function* (_request, { signal }) {
    for await (const change of watchHub.watch(signal)) {
      yield change.kind === 'zone'
        ? { event: { case: 'zoneChanged', value: { zone: toWireZone(change.record, hostUuid) } } }
        : { event: { case: 'workloadChanged', value: { workload: toWireWorkload(change.record) } } };
    }
  };
}
