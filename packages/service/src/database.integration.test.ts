import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Database, openDatabase, UnexpectedChanges } from './database.ts';
import { ConfigurationError } from './errors.ts';

const logger = pino({ level: 'silent' });
const first = 'CREATE TABLE things (id TEXT PRIMARY KEY, size INTEGER NOT NULL) STRICT';
const second = "ALTER TABLE things ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'";
const insert = (id: string, size = 1) => ({
  sql: 'INSERT INTO things (id, size) VALUES (?, ?)',
  params: [id, size],
});

let folder: string;
let open: Database[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-database-'));
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((database) => database.close()));
  await rm(folder, { recursive: true, force: true });
});

async function openThings(migrations = [first]): Promise<Database> {
  const database = await openDatabase(join(folder, 'db', 'things.db'), migrations, { logger });
  open.push(database);
  return database;
}

test('a database is created for its owner alone', async () => {
  await openThings();
  expect((await stat(join(folder, 'db'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, 'db', 'things.db'))).mode & 0o777).toBe(0o600);
});

test('a transaction is stored whole or not at all', async () => {
  const database = await openThings();
  await database.transaction([insert('a'), insert('b')]);
  await expect(database.transaction([insert('c'), insert('a')])).rejects.toThrow(/UNIQUE/);
  expect(await database.read('SELECT id FROM things ORDER BY id')).toEqual([{ id: 'a' }, { id: 'b' }]);
});

test('a statement that changes another number of rows than promised rolls all back', async () => {
  const database = await openThings();
  const update = { sql: 'UPDATE things SET size = 2 WHERE id = ?', params: ['absent'], expectChanges: 1 };
  await expect(database.transaction([insert('a'), update])).rejects.toThrow(UnexpectedChanges);
  expect(await database.read('SELECT id FROM things')).toEqual([]);
});

test('what is wrong with a statement is told', async () => {
  const database = await openThings();
  await expect(database.read('SELECT colour FROM nowhere')).rejects.toThrow(/no such table: nowhere/);
});

test('a migration goes forward once, keeps the rows, and keeps a copy of the file as it was', async () => {
  const old = await openThings();
  await old.transaction([insert('a')]);
  await old.close();
  const migrated = await openThings([first, second]);
  expect(await migrated.read('SELECT * FROM things')).toEqual([{ id: 'a', size: 1, colour: 'grey' }]);
  expect(await readdir(join(folder, 'db'))).toContain('things.db.v1');
});

test('a database of a newer release is refused as a matter of configuration', async () => {
  await (await openThings([first, second])).close();
  await expect(openThings()).rejects.toThrow(ConfigurationError);
  await expect(openThings()).rejects.toThrow(/schema version 2, this release knows 1/);
});

test('after it is closed, nothing is taken any more', async () => {
  const database = await openThings();
  await database.close();
  await database.close();
  await expect(database.read('SELECT 1')).rejects.toThrow(/is closed/);
});

test('every commit that was answered is there after kill -9', async () => {
  const path = join(folder, 'db', 'things.db');
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../test/committing-process.ts', import.meta.url)), path, first],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let committed = 0;
  for await (const line of child.stdout.setEncoding('utf8')) {
    committed = Math.max(committed, ...String(line).trim().split('\n').map(Number));
    if (committed >= 5) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const database = await openThings();
  const [row] = await database.read('SELECT count(*) AS n FROM things');
  expect(Number(row?.n)).toBeGreaterThanOrEqual(committed);
});

test('integers come back as they were stored, those beyond 2⁵³ as bigint', async () => {
  const database = await openThings();
  const sizes = [
    0,
    -1,
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    2n ** 53n,
    -(2n ** 63n),
    2n ** 63n - 1n,
  ];
  await database.transaction(
    sizes.map((size, index) => ({
      sql: 'INSERT INTO things (id, size) VALUES (?, ?)',
      params: [String(index), size],
    })),
  );
  const rows = await database.read('SELECT size FROM things ORDER BY rowid');
  expect(rows.map(({ size }) => size)).toEqual(sizes);
});
