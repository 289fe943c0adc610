import { pino } from 'pino';
import { openDatabase } from '../src/database.ts';

/** Commits rows one by one and says each number once it is on disk, until it is killed. */
const [, , path = '', schema = ''] = process.argv;
const database = await openDatabase(path, [schema], { logger: pino({ level: 'silent' }) });
for (let n = 1; n <= 100_000; n += 1) {
  await database.transaction([{ sql: 'INSERT INTO things (id, size) VALUES (?, ?)', params: [`${n}`, n] }]);
  console.log(n);
}
