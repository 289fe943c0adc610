import type { WorkloadId, ZoneId } from '@protect/config/ids';
import type { Database, Row, Statement } from '@protect/service/database';
import { groupCommits } from '@protect/service/group-commits';
import * as z from 'zod';
import { eventData } from '../events/event-data.ts';
import type { Change } from './change.ts';

import { RecordTable } from './record-table.ts';
import { type WorkloadRecord, workloadRecord } from './workload-record.ts';
import { type ZoneRecord, zoneRecord } from './zone-record.ts';

/** An event that is stored but not yet published. */
export const outboxRow = z.object({
  sequence: z.coerce.number().int(),
  kind: z.enum(['zone', 'workload']),
  objectId: z.string(),
  state: z.string(),
  event: z.string(),
});

export type OutboxRow = z.infer<typeof outboxRow>;

/** Zones, workloads, unpublished events and facts about this host. */
export interface State {
  readonly zones: RecordTable<ZoneId, ZoneRecord>;
  readonly workloads: RecordTable<WorkloadId, WorkloadRecord>;
  workloadsOf(zoneId: ZoneId): WorkloadRecord[];
  /** Calls back after each stored change; returns what ends it. */
  onChange(listener: (change: Change) => void): () => void;
  /** Stores the event that a zone without a record is taken down. */
  noteOrphan(id: ZoneId): Promise<void>;
  /** Events to publish, oldest first. */
  readOutbox(limit: number): Promise<OutboxRow[]>;
  /** Forgets published events up to and including this one. */
  forgetOutbox(upTo: number): Promise<void>;
  /** Keeps only the newest `keep` events; tells how many went. */
  trimOutbox(keep: number): Promise<number>;
  /** The next number of a counter that survives restarts. */
  nextNumber(name: string): Promise<bigint>;
}

const recordColumn = z.object({ record: z.string() });
const valueColumn = z.object({ value: z.string() });

/**
 * Reads everything the database holds. A row that does not parse is an error: it names the row, and
 * nothing is dropped silently.
 */
export async function openState(database: Pick<Database, 'read' | 'transaction'>): Promise<State> {
  const listeners = new Set<(change: Change) => void>();
  const notify = (change: Change) => {
    for (const listener of listeners) listener(change);
  };
  const zoneRows = await database.read('SELECT record FROM zones');
  const workloadRows = await database.read('SELECT record FROM workloads');
  const commit = groupCommits(database);
  const numbers = new Map<string, Promise<bigint>>();

  const zones = new RecordTable<ZoneId, ZoneRecord>({
    initial: zoneRows.map((row) => parseRow(row, zoneRecord, 'zones')),
    commit,
    changed: (record) => notify({ kind: 'zone', record }),
    noteworthy: (before, after) => before.resources !== after.resources,
    statements: {
      insert: (record) => ({
        sql: 'INSERT INTO zones (id, slot, record) VALUES (?, ?, ?)',
        params: [record.id, record.slot, JSON.stringify(record)],
      }),
      update: (record) => ({
        sql: 'UPDATE zones SET record = ? WHERE id = ?',
        params: [JSON.stringify(record), record.id],
      }),
      remove: (record) => ({ sql: 'DELETE FROM zones WHERE id = ?', params: [record.id] }),
      event: (record, recovered) => eventStatement({ kind: 'zone', record }, recovered),
    },
  });

  const workloads = new RecordTable<WorkloadId, WorkloadRecord>({
    initial: workloadRows.map((row) => parseRow(row, workloadRecord, 'workloads')),
    commit,
    changed: (record) => notify({ kind: 'workload', record }),
    statements: {
      insert: (record) => ({
        sql: 'INSERT INTO workloads (id, zone_id, record) VALUES (?, ?, ?)',
        params: [record.id, record.spec.zoneId, JSON.stringify(record)],
      }),
      update: (record) => ({
        sql: 'UPDATE workloads SET record = ? WHERE id = ?',
        params: [JSON.stringify(record), record.id],
      }),
      remove: (record) => ({ sql: 'DELETE FROM workloads WHERE id = ?', params: [record.id] }),
      event: (record, recovered) => eventStatement({ kind: 'workload', record }, recovered),
    },
  });

  return {
    zones,
    workloads,
    workloadsOf: (zoneId) => workloads.all().filter((record) => record.spec.zoneId === zoneId),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async noteOrphan(id) {
      const event = { id, state: 'destroyed', changedAt: new Date().toISOString(), recovered: true };
      await commit([{ sql: insertEvent, params: ['zone', id, event.state, JSON.stringify(event)] }]);
    },
    async readOutbox(limit) {
      const rows = await database.read(
        'SELECT sequence, kind, object_id AS objectId, state, event FROM outbox ORDER BY sequence LIMIT ?',
        limit,
      );
      return rows.map((row) => outboxRow.parse(row));
    },
    async forgetOutbox(upTo) {
      await commit([{ sql: 'DELETE FROM outbox WHERE sequence <= ?', params: [upTo] }]);
    },
    async trimOutbox(keep) {
      const sql =
        'DELETE FROM outbox WHERE sequence <= (SELECT MAX(sequence) FROM outbox) - ? RETURNING sequence';
      const [rows] = await database.transaction([{ sql, params: [keep] }]);
      return rows?.length ?? 0;
    },
    async nextNumber(name) {
      const before = numbers.get(name) ?? Promise.resolve(0n);
      const next = before
        .catch(() => 0n)
        .then(async () => {
          const rows = await database.read('SELECT value FROM meta WHERE key = ?', name);
          const row = rows[0];
          const value = row === undefined ? 1n : BigInt(valueColumn.parse(row).value) + 1n;
          const sql =
            'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value';
          await commit([{ sql, params: [name, value.toString()] }]);
          return value;
        });
      numbers.set(name, next);
      return await next;
    },
  };
}

function parseRow<T>(row: Row, schema: z.ZodType<T>, table: string): T {
  const text = recordColumn.parse(row).record;
  const result = schema.safeParse(JSON.parse(text));
  if (result.success) return result.data;
  throw new Error(
    `The ${table} table holds a record that this version does not understand: ${z.prettifyError(result.error)}`,
  );
}

const insertEvent = 'INSERT INTO outbox (kind, object_id, state, event) VALUES (?, ?, ?, ?)';

function eventStatement(change: Change, recovered = false): Statement {
  const { kind, record } = change;
  const event = { ...eventData(change), ...(recovered ? { recovered } : {}) };
  return { sql: insertEvent, params: [kind, record.id, record.status.state, JSON.stringify(event)] };
}
