import { existsSync, renameSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/** SQLite's own numbers: the file's content contradicts itself, or is no database at all. */
const damageCodes: ReadonlySet<number> = new Set([11, 26]);

/** The file can be read and is no database, or not a whole one; what it held cannot be had from it. */
export class DamagedDatabase extends Error {
  override readonly name = 'DamagedDatabase';
}

/** Throws DamagedDatabase when SQLite's look at all pages finds fault. */
export function checkWhole(database: DatabaseSync): void {
  const found = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})[0];
  if (found !== 'ok') throw new DamagedDatabase(String(found));
}

/** Whether an error tells of a damaged file, and not of a full disk, missing rights or a lock. */
export function isDamage(error: unknown): error is Error {
  if (error instanceof DamagedDatabase) return true;
  // Extended codes carry the plain one in their lowest byte.
  return (
    error instanceof Error &&
    'errcode' in error &&
    typeof error.errcode === 'number' &&
    damageCodes.has(error.errcode & 0xff)
  );
}

/** Gives a database and its journal a name that nothing opens, and tells it; nothing is deleted. */
export function putAside(path: string): string {
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
  const aside = `${path}.damaged-${stamp}`;
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`);
  }
  return aside;
}
