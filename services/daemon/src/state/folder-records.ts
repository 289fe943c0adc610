import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { WorkloadId, ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import type { Logger } from 'pino';
import type { Change } from './change.ts';
import type { State } from './state.ts';

/**
 * Keeps a copy of each zone's and workload's record in its folder, always after the database has it, so that a lost
 * database loses no zone that runs. The copies are for the day after: they are not read while the daemon runs.
 */
export interface FolderRecords extends AsyncDisposable {
  /** Writes the copy of an object anew. */
  write(change: Change): void;
  /** Settles when the folder has the newest record, or could not be given it, which is logged. */
  written(id: ZoneId | WorkloadId): Promise<void>;
  /** Settles when nothing is being written, and nothing more will be: the folder may go. */
  forget(id: ZoneId | WorkloadId): Promise<void>;
}

interface Copy {
  next: Change | undefined;
  writing: Promise<void> | undefined;
  forgotten: boolean;
}

interface FolderRecordsDeps {
  readonly state: Pick<State, 'onChange'>;
  readonly paths: StatePaths;
  readonly logger: Logger;
}

export function keepFolderRecords({ state, paths, logger }: FolderRecordsDeps): FolderRecords {
  const copies = new Map<string, Copy>();

  function copyOf(id: string): Copy {
    const copy = copies.get(id) ?? { next: undefined, writing: undefined, forgotten: false };
    copies.set(id, copy);
    return copy;
  }

  async function writeAll(id: string, copy: Copy): Promise<void> {
    while (copy.next !== undefined && !copy.forgotten) {
      const change = copy.next;
      copy.next = undefined;
      try {
        await writeCopy(paths, change);
      } catch (error) {
        // The database has it; the next change writes all of it again.
        logger.error({ err: error, [change.kind]: id }, 'a record could not be copied into its folder');
      }
    }
    copy.writing = undefined;
    if (!copy.forgotten) copies.delete(id);
  }

  function write(change: Change): void {
    const { id, status } = change.record;
    if (status.state === 'destroyed') {
      copies.delete(id);
      return;
    }
    const copy = copyOf(id);
    if (copy.forgotten) return;
    copy.next = change;
    copy.writing ??= writeAll(id, copy);
  }

  const stop = state.onChange(write);
  return {
    write,
    async written(id) {
      await copies.get(id)?.writing;
    },
    async forget(id) {
      const copy = copyOf(id);
      copy.forgotten = true;
      await copy.writing;
    },
    async [Symbol.asyncDispose]() {
      stop();
      await Promise.all([...copies.values()].map(({ writing }) => writing));
    },
  };
}

/**
 * Whole or not at all for whoever reads while this host runs. After a crash of the host no zone runs, and the
 * database, which is on disk, tells the rest; so this need not wait for the disk.
 */
async function writeCopy(paths: StatePaths, change: Change): Promise<void> {
  const zoneId = change.kind === 'zone' ? change.record.id : change.record.spec.zoneId;
  const path =
    change.kind === 'zone' ? paths.zoneRecord(zoneId) : paths.workloadRecord(zoneId, change.record.id);
  // The zone's hypervisor has to get through this one.
  await mkdir(paths.zone(zoneId), { recursive: true, mode: 0o711 });
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify(change.record)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}
