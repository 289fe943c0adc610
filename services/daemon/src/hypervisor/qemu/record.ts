import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const recordFile = 'domain.json';

const recordSchema = z.object({
  version: z.literal(1),
  zoneId: z.string(),
  pid: z.number().int().positive(),
  startTime: z.string(),
  bootId: z.string(),
  /** Folders of control groups that hold the process. */
  cgroups: z.array(z.string()),
});

/** What is needed to find a zone's QEMU again. */
export type DomainRecord = z.infer<typeof recordSchema>;

/** The record in a zone's control folder; undefined when there is none that can be understood. */
export async function readRecord(controlFolder: string): Promise<DomainRecord | undefined> {
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
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Writes the record whole or not at all. */
export async function writeRecord(controlFolder: string, record: DomainRecord): Promise<void> {
  const temporary = join(controlFolder, `${recordFile}.new`);
  await writeFile(temporary, `${JSON.stringify(record)}\n`, { mode: 0o600 });
  await rename(temporary, join(controlFolder, recordFile));
}
