import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
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

test('a torn last frame of the journal costs the commit it belongs to and no other', async () => {
  const database = await openThings();
  await database.transaction([insert('a')]);
  await database.transaction([insert('b')]);
  await database.transaction([insert('c')]);
  const torn = join(folder, 'torn.db');
  // As a crash leaves it: nothing is checkpointed, and the last write is cut.
  for (const suffix of ['', '-wal']) await cp(join(folder, 'db', `things.db${suffix}`), `${torn}${suffix}`);
  await truncate(`${torn}-wal`, (await stat(`${torn}-wal`)).size - 100);
  const reopened = await openDatabase(torn, [first], { logger, putAsideDamaged: true });
  open.push(reopened);
  expect(await reopened.read('SELECT id FROM things ORDER BY id')).toEqual([{ id: 'a' }, { id: 'b' }]);
  expect((await readdir(folder)).filter((name) => name.includes('damaged'))).toEqual([]);
});

describe('a damaged database', () => {
  const path = () => join(folder, 'things.db');
  const spoil: Record<string, () => Promise<void>> = {
    'that is garbage': () => writeFile(path(), 'this is no database'.repeat(1_000)),
    'with a page of garbage': async () => {
      const database = await openDatabase(path(), [first], { logger });
      await database.transaction(Array.from({ length: 200 }, (_, index) => insert(`thing ${index}`)));
      await database.close();
      const bytes = await readFile(path());
      await writeFile(path(), bytes.fill(0xa5, 8_192, 12_288));
    },
  };

  test.each(Object.keys(spoil))('%s is refused and left alone', async (how) => {
    await spoil[how]?.();
    const before = await readFile(path());
    await expect(openDatabase(path(), [first], { logger })).rejects.toThrow(path());
    expect(await readFile(path())).toEqual(before);
  });

  test.each(Object.keys(spoil))('%s is put aside for who can do without, and named', async (how) => {
    await spoil[how]?.();
    const before = await readFile(path());
    const lines: string[] = [];
    const told = pino({ level: 'error' }, { write: (line) => lines.push(line) });
    const database = await openDatabase(path(), [first], { logger: told, putAsideDamaged: true });
    open.push(database);
    expect(await database.read('SELECT id FROM things')).toEqual([]);
    const aside = (await readdir(folder)).filter((name) => name.startsWith('things.db.damaged-'));
    expect(aside).toHaveLength(1);
    expect(lines.join()).toContain(`put aside as ${join(folder, aside[0] ?? '')}`);
    expect(await readFile(join(folder, aside[0] ?? ''))).toEqual(before);
  });
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
