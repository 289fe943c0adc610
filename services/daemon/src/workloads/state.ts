import type { WorkloadState, WorkloadStatus } from '../state/workload-record.ts';

/** From each state of a workload, the states that may follow. */
export const workloadHops: Readonly<Record<WorkloadState, readonly WorkloadState[]>> = {
  creating: ['created', 'failed', 'destroying'],
  created: ['running', 'completed', 'failed', 'destroying'],
  running: ['completed', 'failed', 'destroying'],
  completed: ['running', 'destroying'],
  failed: ['destroying'],
  destroying: ['destroyed'],
  destroyed: [],
};

/** `to`, or `from` itself when that hop is not allowed; the same state again is no hop. */
export function hopWorkload(from: WorkloadStatus, to: WorkloadStatus): WorkloadStatus {
  return workloadHops[from.state].includes(to.state) ? to : from;
}
