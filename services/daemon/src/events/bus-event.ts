import type { BusEvent } from '@protect/bus/events';
import { workloadEventSubject, zoneEventSubject } from '@protect/bus/subjects';
import { parseWorkloadId, parseZoneId } from '@protect/config/ids';
import * as z from 'zod';
import type { OutboxRow } from '../state/state.ts';

const eventSchema = z.looseObject({ changedAt: z.coerce.date() });

/** The event as the stream keeps it; the same row always gives the same id. */
export function eventOf(row: OutboxRow, hostUuid: string): BusEvent {
  const data = eventSchema.parse(JSON.parse(row.event));
  return {
    // Sequences begin anew with a database that was lost, and the stream takes an id it knows for a repetition.
    id: `${hostUuid}-${row.sequence}-${data.changedAt.getTime()}`,
    subject: subjectOf(row),
    type: `protect.${row.kind}.${row.state}`,
    source: `/hosts/${hostUuid}/${row.kind}s/${row.objectId}`,
    time: data.changedAt,
    data: { ...data, changedAt: data.changedAt.toISOString() },
  };
}

function subjectOf({ kind, objectId, state }: OutboxRow): string {
  const zoneId = kind === 'zone' ? parseZoneId(objectId) : undefined;
  if (zoneId !== undefined) return zoneEventSubject(zoneId, state);
  const workloadId = kind === 'workload' ? parseWorkloadId(objectId) : undefined;
  if (workloadId !== undefined) return workloadEventSubject(workloadId, state);
  throw new Error(`the outbox holds an event of ${JSON.stringify(objectId)}, which is no id`);
}
