import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { newWorkloadId, newZoneId } from '@protect/config/ids';
import { statePaths } from '@protect/config/paths';
import { expect, it } from 'vitest';
import type { WorkloadRecord } from '../state/workload-record.ts';
import { keepImage, readKeptImage } from './kept-image.ts';

it('what is kept of an image is read back, and nothing where nothing was kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kept-image-'));
  try {
    const paths = statePaths(folder);
    const record = { id: newWorkloadId(), spec: { zoneId: newZoneId() } } as WorkloadRecord;
    expect(await readKeptImage(paths, record)).toBeUndefined();
    const image = { config: Buffer.from('{"config":{}}'), accounts: { passwd: 'root:x:0:0::/:/bin/sh\n' } };
    await keepImage(paths, record, image);
    await keepImage(paths, record, image);
    expect(await readKeptImage(paths, record)).toEqual(image);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
