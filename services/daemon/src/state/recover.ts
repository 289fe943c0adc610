import { readdir, readFile } from 'node:fs/promises';
import { parseWorkloadId, type ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import type { Logger } from 'pino';
import * as z from 'zod';
import type { FolderRecords } from './folder-records.ts';
import type { RecordTable } from './record-table.ts';
import type { State } from './state.ts';
import { type WorkloadRecord, workloadRecord } from './workload-record.ts';
import { type ZoneRecord, zoneRecord } from './zone-record.ts';

interface RecoverDeps {
  readonly state: State;
  readonly paths: StatePaths;
  readonly records: Pick<FolderRecords, 'write'>;
  readonly logger: Logger;
}

/**
 * Gives the database what it has lost and the zones' folders still tell: all of it, or, after a torn journal,
 * the last changes. Each is logged and an event. Folders that lag behind the database, as those of an earlier release
 * do, are brought up to date. Call it before anything acts on the records.
 */
export async function recoverRecords(deps: RecoverDeps, zoneIds: readonly ZoneId[]): Promise<void> {
  const { state, paths, records, logger } = deps;
  const zones = new Map(
    (await Promise.all(zoneIds.map((id) => readZone(paths, id, logger))))
      .flat()
      .map((copy) => [copy.id, copy]),
  );
  await newest('zone', state.zones, zones);
  const inFolders = (await Promise.all(zoneIds.map((id) => readWorkloads(paths, id, logger)))).flat();
  // A workload of a zone that nobody knows has nothing to run in.
  const known = inFolders.filter(({ spec }) => state.zones.get(spec.zoneId) !== undefined);
  const workloads = new Map(known.map((copy) => [copy.id, copy]));
  await newest('workload', state.workloads, workloads);
  for (const record of state.zones.all()) {
    if (isBehind(zones.get(record.id), record)) records.write({ kind: 'zone', record });
  }
  for (const record of state.workloads.all()) {
    if (isBehind(workloads.get(record.id), record)) records.write({ kind: 'workload', record });
  }

  async function newest<R extends ZoneRecord | WorkloadRecord>(
    kind: 'zone' | 'workload',
    table: Pick<RecordTable<R['id'], R>, 'get' | 'restore'>,
    copies: ReadonlyMap<R['id'], R>,
  ): Promise<void> {
    for (const copy of copies.values()) {
      const { id, revision, status } = copy;
      const stored = table.get(id);
      if (stored !== undefined && stored.revision >= revision) continue;
      try {
        await table.restore(copy);
      } catch (error) {
        logger.error({ err: error, [kind]: id }, `a ${kind} that the database has lost cannot be recovered`);
        continue;
      }
      const lost = stored === undefined ? 'all' : 'the last change';
      const text = `a ${kind} of which the database had lost ${lost} was recovered from its folder`;
      logger.warn({ [kind]: id, state: status.state }, text);
    }
  }
}

function isBehind(copy: { revision: number } | undefined, stored: { revision: number }): boolean {
  return copy === undefined || copy.revision < stored.revision;
}

async function readZone(paths: StatePaths, id: ZoneId, logger: Logger): Promise<ZoneRecord[]> {
  const copy = await readCopy(paths.zoneRecord(id), zoneRecord, logger);
  return copy?.id === id ? [copy] : [];
}

async function readWorkloads(paths: StatePaths, zoneId: ZoneId, logger: Logger): Promise<WorkloadRecord[]> {
  const names = (await readdir(paths.workloads(zoneId)).catch(nothingIfAbsent)) ?? [];
  const copies = names.map(async (name) => {
    const id = parseWorkloadId(name);
    if (id === undefined) return [];
    const copy = await readCopy(paths.workloadRecord(zoneId, id), workloadRecord, logger);
    return copy?.id === id && copy.spec.zoneId === zoneId ? [copy] : [];
  });
  return (await Promise.all(copies)).flat();
}

/** Undefined when there is none; one that cannot be understood is logged and no better than none. */
async function readCopy<T>(path: string, schema: z.ZodType<T>, logger: Logger): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(nothingIfAbsent);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    logger.error({ record: path, why }, 'a record in a folder cannot be read');
    return undefined;
  }
}

function nothingIfAbsent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
    return undefined;
  }
  throw error;
}
