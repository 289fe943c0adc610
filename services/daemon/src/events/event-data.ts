import type { Change } from '../state/change.ts';
import { currentResources } from '../state/zone-record.ts';

/**
 * What an event tells of its object. Names, ids and outcomes only: no environment, command line or
 * output byte leaves the host this way.
 */
export function eventData(change: Change): Record<string, string | number | boolean> {
  const { record } = change;
  const { status } = record;
  const data: Record<string, string | number | boolean> = {
    id: record.id,
    name: record.spec.name,
    state: status.state,
    changedAt: new Date().toISOString(),
    createdAt: new Date(record.createdAtMs).toISOString(),
  };
  if (change.kind === 'workload') {
    data.zoneId = change.record.spec.zoneId;
    data.run = change.record.run;
  } else {
    const { targetMemoryMib, targetCpus } = currentResources(change.record);
    data.memoryMib = targetMemoryMib;
    data.cpus = targetCpus;
    if (change.record.readyAtMs !== undefined) {
      data.readyAt = new Date(change.record.readyAtMs).toISOString();
    }
  }
  if (status.state === 'exited' || status.state === 'completed') data.exitCode = status.exitCode;
  if (status.state === 'completed') data.oomKilled = status.oomKilled;
  if (status.state === 'failed') data.message = status.message;
  return data;
}
