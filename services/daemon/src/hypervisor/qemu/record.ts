import { z } from 'zod';
import { readRecordFile, writeRecordFile } from '../record-file.ts';

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
  return await readRecordFile(controlFolder, recordSchema);
}

/** Writes the record whole or not at all. */
export async function writeRecord(controlFolder: string, record: DomainRecord): Promise<void> {
  await writeRecordFile(controlFolder, record);
}
