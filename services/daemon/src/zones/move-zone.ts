import type { ZoneId } from '@protect/config/ids';
import type { State } from '../state/state.ts';
import type { ZoneRecord, ZoneStatus } from '../state/zone-record.ts';
import { hopZone } from './state.ts';

/** Stores another state of a zone, with `more` that goes with it; nothing when that hop is not allowed. */
export async function moveZone(
  { zones }: Pick<State, 'zones'>,
  id: ZoneId,
  to: ZoneStatus,
  more: Partial<ZoneRecord> = {},
): Promise<void> {
  await zones.update(id, (record) => {
    const status = hopZone(record.status, to);
    return status === record.status ? record : { ...record, ...more, status };
  });
}
