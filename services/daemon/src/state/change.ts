import type { WorkloadRecord } from './workload-record.ts';
import type { ZoneRecord } from './zone-record.ts';

/** A zone or workload as it is after a stored change. */
export type Change =
  | { readonly kind: 'zone'; readonly record: ZoneRecord }
  | { readonly kind: 'workload'; readonly record: WorkloadRecord };

/** Names the object of a change, the same for all its states. */
export function changeKey(change: Change): string {
  return `${change.kind}/${change.record.id}`;
}

/** Events that nothing follows. */
export function isFinal(change: Change): boolean {
  return change.record.status.state === 'destroyed';
}
