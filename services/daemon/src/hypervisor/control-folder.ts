import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseZoneId, type ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';

/** Makes a zone's control folder, empty. */
export async function makeControlFolder(paths: StatePaths, zoneId: ZoneId): Promise<string> {
  const folder = paths.zoneControl(zoneId);
  await mkdir(paths.zone(zoneId), { recursive: true, mode: 0o711 });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await emptyControlFolder(folder);
  return folder;
}

/** Removes the sockets, the record and all else; the folder itself belongs to the zone. */
export async function emptyControlFolder(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) await rm(join(folder, name), { force: true });
}

/** The zones that have a folder, whether or not anything runs for them. */
export async function listZoneFolders(paths: StatePaths): Promise<ZoneId[]> {
  const names = await readdir(paths.zones).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  return names.flatMap((name) => parseZoneId(name) ?? []);
}
