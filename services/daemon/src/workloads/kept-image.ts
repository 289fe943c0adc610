import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { StatePaths } from '@protect/config/paths';
import type { PackedImage } from '@protect/oci/image-cache';
import { z } from 'zod';
import type { WorkloadRecord } from '../state/workload-record.ts';

/** What processes of a workload need to know of its image. */
export type KeptImage = Pick<PackedImage, 'config' | 'accounts'>;

const keptSchema = z.object({
  config: z.base64(),
  accounts: z.object({ passwd: z.string().exactOptional(), group: z.string().exactOptional() }),
});

type Paths = Pick<StatePaths, 'workloadImage'>;

/** Keeps it with the workload, whose image may be removed from the cache or packed anew. */
export async function keepImage(paths: Paths, { id, spec }: WorkloadRecord, image: KeptImage): Promise<void> {
  const path = paths.workloadImage(spec.zoneId, id);
  const { accounts } = image;
  await mkdir(join(path, '..'), { recursive: true });
  const kept = { config: Buffer.from(image.config).toString('base64'), accounts };
  await writeFile(`${path}.new`, JSON.stringify(kept), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** Undefined for a workload that an earlier release made. */
export async function readKeptImage(paths: Paths, record: WorkloadRecord): Promise<KeptImage | undefined> {
  const path = paths.workloadImage(record.spec.zoneId, record.id);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  if (text === undefined) return undefined;
  const { config, accounts } = keptSchema.parse(JSON.parse(text));
  return { config: Buffer.from(config, 'base64'), accounts };
}
