import { copyFileSync, existsSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { checkWhole, isDamage, putAside } from './damaged-database.ts';
import type { Row, Statement, Value } from './database.ts';

/** What the service's thread asks of the database's. */
export type DatabaseRequest =
  | { readonly kind: 'open' }
  | { readonly kind: 'read'; readonly sql: string; readonly params: readonly Value[] }
  | { readonly kind: 'transaction'; readonly statements: readonly Statement[] }
  | { readonly kind: 'close' };

export type DatabaseReply = { readonly id: number } & (
  | { readonly kind: 'rows'; readonly rows: Row[][] }
  | { readonly kind: 'unexpected-changes' | 'newer-schema' | 'failed'; readonly message: string }
);

type Answer = DatabaseReply extends infer R ? (R extends { id: number } ? Omit<R, 'id'> : never) : never;

const preparedLimit = 200;

const { path, migrations, putAsideDamaged } = workerData as {
  path: string;
  migrations: readonly string[];
  putAsideDamaged: boolean;
};
const port = parentPort;
if (port === null) throw new Error('database-worker.ts runs as a worker thread only');

let database: DatabaseSync | undefined;
const prepared = new Map<string, StatementSync>();

port.on('message', ({ id, request }: { id: number; request: DatabaseRequest }) => {
  port.postMessage({ id, ...answer(request) });
  if (request.kind === 'close') port.close();
});

function answer(request: DatabaseRequest): Answer {
  try {
    switch (request.kind) {
      case 'open':
        return open();
      case 'read':
        return { kind: 'rows', rows: [run(request.sql, request.params)] };
      case 'transaction':
        return transact(request.statements);
      case 'close':
        database?.close();
        database = undefined;
        return { kind: 'rows', rows: [] };
    }
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

function open(): Answer {
  try {
    return migrate();
  } catch (error) {
    database?.close();
    database = undefined;
    if (!putAsideDamaged || !isDamage(error)) throw error;
    const aside = putAside(path);
    const answer = migrate();
    return answer.kind === 'rows' ? { kind: 'rows', rows: [[{ aside, damage: error.message }]] } : answer;
  }
}

function migrate(): Answer {
  const existed = existsSync(path);
  database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
  checkWhole(database);
  const from = Number(database.prepare('PRAGMA user_version').get()?.user_version ?? 0);
  if (from > migrations.length) {
    return {
      kind: 'newer-schema',
      message: `${path} has schema version ${from}, this release knows ${migrations.length}: it was written by a newer release; install that release, or put a copy from before its installation in place`,
    };
  }
  if (from < migrations.length && existed && from > 0) {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    copyFileSync(path, `${path}.v${from}`);
  }
  for (const [index, sql] of migrations.entries()) {
    if (index < from) continue;
    database.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
  return { kind: 'rows', rows: [[{ from: existed ? from : migrations.length }]] };
}

function prepare(sql: string): StatementSync {
  if (database === undefined) throw new Error('the database is not open');
  let statement = prepared.get(sql);
  if (statement === undefined) {
    statement = database.prepare(sql);
    statement.setReadBigInts(true);
    if (prepared.size >= preparedLimit) prepared.clear();
    prepared.set(sql, statement);
  }
  return statement;
}

function run(sql: string, params: readonly Value[]): Row[] {
  return prepare(sql)
    .all(...params)
    .map(plainRow);
}

/** Integers that a number holds exactly come as numbers, the others as bigint. */
function plainRow(row: Row): Row {
  const plain: Row = {};
  for (const [name, value] of Object.entries(row)) {
    const exact =
      typeof value === 'bigint' && BigInt(Number(value)) === value && Number.isSafeInteger(Number(value));
    plain[name] = exact ? Number(value) : value;
  }
  return plain;
}

function transact(statements: readonly Statement[]): Answer {
  if (database === undefined) throw new Error('the database is not open');
  database.exec('BEGIN IMMEDIATE');
  try {
    const rows: Row[][] = [];
    for (const { sql, params, expectChanges } of statements) {
      if (expectChanges === undefined) {
        rows.push(run(sql, params));
        continue;
      }
      const changes = Number(prepare(sql).run(...params).changes);
      if (changes !== expectChanges) {
        database.exec('ROLLBACK');
        return {
          kind: 'unexpected-changes',
          message: `${sql.trim().split(/\s+/).slice(0, 3).join(' ')} changed ${changes} rows instead of ${expectChanges}`,
        };
      }
      rows.push([]);
    }
    database.exec('COMMIT');
    return { kind: 'rows', rows };
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
