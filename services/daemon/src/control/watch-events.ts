import { Code, ConnectError } from '@connectrpc/connect';
import { watchersMax } from '../events/watch-hub.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toWireWorkload } from './workload-wire.ts';
import { toWireZone } from './zone-wire.ts';

/** Every change of a zone or workload from now on; a slow reader misses steps in between, never the last. */
export function watchEvents({
  watchHub,
  hostUuid,
}: Pick<ControlDeps, 'watchHub' | 'hostUuid'>): ControlMethods['watchEvents'] {
  return async function* (_request, { signal }) {
    if (watchHub.full) {
      throw new ConnectError(`${watchersMax} clients watch events already`, Code.ResourceExhausted);
    }
    for await (const change of watchHub.watch(signal)) {
      yield change.kind === 'zone'
        ? { event: { case: 'zoneChanged', value: { zone: toWireZone(change.record, hostUuid) } } }
        : { event: { case: 'workloadChanged', value: { workload: toWireWorkload(change.record) } } };
    }
  };
}
