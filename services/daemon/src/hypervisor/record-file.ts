import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';

const recordFile = 'domain.json';

/** The driver's record in a zone's control folder; undefined when there is none that fits `schema`. */
export async function readRecordFile<T>(controlFolder: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = await readFile(join(controlFolder, recordFile), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Writes the record whole or not at all. */
export async function writeRecordFile(controlFolder: string, record: object): Promise<void> {
  const temporary = join(controlFolder, `${recordFile}.new`);
  await writeFile(temporary, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(temporary, join(controlFolder, recordFile));
}
