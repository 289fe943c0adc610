import type { Database, Statement } from '@protect/service/database';
import { describe, expect, it } from 'vitest';
import { zoneRecordOf } from '../zones/test-zone.ts';
import type { Change } from './change.ts';

import { openState } from './state.ts';

/** Keeps what was committed, commits when told to. */
function memoryDatabase(rows: { zones?: string[] } = {}) {
  const commits: (readonly Statement[])[] = [];
  let fail = false;
  const database: Pick<Database, 'read' | 'transaction'> = {
    async read(sql) {
      return sql.includes('FROM zones') ? (rows.zones ?? []).map((record) => ({ record })) : [];
    },
    async transaction(statements) {
      await Promise.resolve();
      if (fail) throw new Error('disk full');
      commits.push(statements);
      return [];
    },
  };
  return {
    database,
    commits,
    failFromNowOn: () => {
      fail = true;
    },
  };
}

describe('state', () => {
  it('stores a change of state and its event in one transaction', async () => {
    const { database, commits } = memoryDatabase();
    const state = await openState(database);
    const zone = zoneRecordOf();
    await state.zones.insert(zone);
    await state.zones.update(zone.id, (current) => ({ ...current, status: { state: 'created' } }));
    await state.zones.update(zone.id, (current) => ({ ...current, generation: 2 }));
    expect(commits.map((statements) => statements.map(({ sql }) => sql.split(' ')[0]))).toEqual([
      ['INSERT', 'INSERT'],
      ['UPDATE', 'INSERT'],
      ['UPDATE'],
    ]);
  });

  it('stores an event with a change of what a zone has, although its state stays', async () => {
    const { database, commits } = memoryDatabase();
    const state = await openState(database);
    const zone = zoneRecordOf();
    await state.zones.insert(zone);
    const resources = { ...zone.spec.resources, targetMemoryMib: 512, targetCpus: 2 };
    await state.zones.update(zone.id, (current) => ({ ...current, resources }));
    const [, event] = commits[1] ?? [];
    expect(JSON.parse(String(event?.params?.[3]))).toMatchObject({
      state: 'creating',
      memoryMib: 512,
      cpus: 2,
    });
  });

  it('shows a change only when it is committed, and tells of it then', async () => {
    const { database, failFromNowOn } = memoryDatabase();
    const state = await openState(database);
    const changes: Change[] = [];
    state.onChange((change) => changes.push(change));
    const zone = zoneRecordOf();
    await state.zones.insert(zone);
    failFromNowOn();
    const update = state.zones.update(zone.id, (current) => ({ ...current, status: { state: 'created' } }));
    await expect(update).rejects.toThrow('disk full');
    expect(state.zones.get(zone.id)).toBe(zone);
    expect(changes).toHaveLength(1);
  });

  it('makes the changes of one record one after the other, so that none is lost', async () => {
    const { database } = memoryDatabase();
    const state = await openState(database);
    const zone = zoneRecordOf({ generation: 0 });
    await state.zones.insert(zone);
    const add = () => state.zones.update(zone.id, (r) => ({ ...r, generation: r.generation + 1 }));
    await Promise.all(Array.from({ length: 50 }, add));
    expect(state.zones.get(zone.id)?.generation).toBe(50);
  });

  it('says in the event of a record that was found elsewhere that it was lost', async () => {
    const { database, commits } = memoryDatabase();
    const state = await openState(database);
    const zone = zoneRecordOf({ revision: 4 });
    await state.zones.restore(zone);
    await state.zones.restore({ ...zone, revision: 5 });
    await state.noteOrphan(zone.id);
    expect(state.zones.get(zone.id)?.revision).toBe(5);
    expect(commits.map((statements) => statements.map(({ sql }) => sql.split(' ')[0]))).toEqual([
      ['INSERT', 'INSERT'],
      ['UPDATE', 'INSERT'],
      ['INSERT'],
    ]);
    for (const statements of commits) expect(statements.at(-1)?.params[3]).toContain('"recovered":true');
  });

  it('puts no environment, command line or output into events', async () => {
    const { database, commits } = memoryDatabase();
    const state = await openState(database);
    const zone = zoneRecordOf();
    const spec = { ...zone.spec, kernelOptions: { ...zone.spec.kernelOptions, cmdlineAppend: 'secret=1' } };
    await state.zones.insert({ ...zone, spec });
    const event = commits[0]?.[1]?.params[3];
    expect(event).toContain(zone.id);
    expect(event).not.toContain('secret');
  });

  it('reads back what it stored, and refuses what it does not understand', async () => {
    const zone = zoneRecordOf();
    const { database } = memoryDatabase({ zones: [JSON.stringify(zone)] });
    expect((await openState(database)).zones.all()).toEqual([zone]);
    const broken = memoryDatabase({ zones: [JSON.stringify({ ...zone, version: 2 })] });
    await expect(openState(broken.database)).rejects.toThrow(/zones table holds a record/);
  });
});
