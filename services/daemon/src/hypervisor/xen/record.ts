import { z } from 'zod';
import { readRecordFile, writeRecordFile } from '../record-file.ts';

const recordSchema = z.object({
  version: z.literal(1),
  driver: z.literal('xen'),
  zoneId: z.string(),
  /** Boot of the host that the domain belongs to; one that Xen restored in a later boot is not adopted. */
  bootId: z.string(),
  /** `starting` until the domain runs for the first time. */
  phase: z.enum(['starting', 'running']),
  /** The `xl create` at work. */
  creator: z
    .object({ pid: z.number().int().positive(), startTime: z.string(), bootId: z.string() })
    .optional(),
});

/** What is needed to find a zone's domain again, or to end one that was never finished. */
export type DomainRecord = z.infer<typeof recordSchema>;

/** The record in a zone's control folder; undefined when there is none of this driver. */
export async function readRecord(controlFolder: string): Promise<DomainRecord | undefined> {
  return await readRecordFile(controlFolder, recordSchema);
}

/** Writes the record whole or not at all. */
export async function writeRecord(controlFolder: string, record: DomainRecord): Promise<void> {
  await writeRecordFile(controlFolder, record);
}
