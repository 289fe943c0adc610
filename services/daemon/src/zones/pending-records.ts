import type { ZoneId } from '@protect/config/ids';
import type { State } from '../state/state.ts';
import { currentResources, type ZoneRecord } from '../state/zone-record.ts';

/** Zones as they are stored or about to be: who is admitted counts from that moment on, not from the commit. */
export interface PendingRecords {
  /** All zones, those that are being stored included; of one that changes the larger memory. */
  known(): ZoneRecord[];
  /** Counts `record` as known until `store` has settled. */
  during<T>(record: ZoneRecord, store: () => Promise<T>): Promise<T>;
}

export function createPendingRecords(state: Pick<State, 'zones'>): PendingRecords {
  const pending = new Map<ZoneId, ZoneRecord>();
  return {
    known() {
      const stored = state.zones.all().map((record) => larger(record, pending.get(record.id)));
      return [...stored, ...[...pending.values()].filter(({ id }) => state.zones.get(id) === undefined)];
    },
    async during(record, store) {
      pending.set(record.id, record);
      try {
        return await store();
      } finally {
        if (pending.get(record.id) === record) pending.delete(record.id);
      }
    },
  };
}

function larger(stored: ZoneRecord, coming: ZoneRecord | undefined): ZoneRecord {
  if (coming === undefined) return stored;
  const [now, then] = [currentResources(stored), currentResources(coming)];
  return now.targetMemoryMib > then.targetMemoryMib ? stored : { ...stored, resources: then };
}
