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

const finalStates: ReadonlySet<string> = new Set(['exited', 'completed', 'failed', 'destroyed']);

/** Whether something has ended with this change, which nobody who watches may miss. */
export function isFinal({ record }: Change): boolean {
  return finalStates.has(record.status.state);
}

/** Whether two changes of one object tell of the same end, the later one with more to it. */
export function isSameEnd(earlier: Change, later: Change): boolean {
  if (!isFinal(earlier) || earlier.record.status.state !== later.record.status.state) return false;
  // A workload may end more than once.
  return earlier.kind === 'zone' || later.kind === 'zone' || earlier.record.run === later.record.run;
}
