import { DatabaseSync } from 'node:sqlite';
import type { Database } from '@protect/service/database';
import { migrations } from '../src/state/migrations.ts';

/** A database in memory whose process can be killed before or after a commit; of this release unless told. */
export function crashableDatabase(version = migrations.length) {
  const sqlite = new DatabaseSync(':memory:');
  for (const migration of migrations.slice(0, version)) sqlite.exec(migration);
  let crash: 'before' | 'after' | undefined;
  const database: Pick<Database, 'read' | 'transaction'> = {
    async read(sql, ...params) {
      return sqlite.prepare(sql).all(...params);
    },
    async transaction(statements) {
      const point = crash;
      crash = undefined;
      if (point === 'before') throw new Error('killed before the commit');
      sqlite.exec('BEGIN');
      try {
        for (const { sql, params } of statements) sqlite.prepare(sql).run(...(params ?? []));
        sqlite.exec('COMMIT');
      } catch (error) {
        sqlite.exec('ROLLBACK');
        throw error;
      }
      if (point === 'after') throw new Error('killed after the commit');
      return statements.map(() => []);
    },
  };
  return {
    database,
    sqlite,
    crashNext: (point: 'before' | 'after') => {
      crash = point;
    },
  };
}
