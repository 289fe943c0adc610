import { chmod, chown, mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseZoneId, type ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import { removeTree } from '@protect/service/remove-tree';
import { hasCode } from '../errors.ts';

/**
 * Makes the folder that the zone's hypervisor process finds its disks in. Only that process may enter it,
 * and it may not change it: a folder of its own would let a hostile process plant links in the way of
 * what this service does there as root.
 */
export async function makeDiskFolder(paths: StatePaths, zoneId: ZoneId, uid: number): Promise<string> {
  await mkdir(paths.zone(zoneId), { recursive: true, mode: 0o711 });
  const folder = paths.zoneDisks(zoneId);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chown(folder, 0, uid);
  await chmod(folder, 0o710);
  return folder;
}

/** Removes the zone's disks, and its folder when nothing else is in it. Absent folders are no error. */
export async function removeDiskFolder(paths: StatePaths, zoneId: ZoneId): Promise<void> {
  await removeTree(paths.zones, paths.zoneDisks(zoneId));
  try {
    await rmdir(paths.zone(zoneId));
  } catch (error) {
    // The daemon keeps its own files there; it removes the folder when it comes last.
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
  }
}

/** The zones that have a disk folder, whether or not they are known. */
export async function listDiskFolders(paths: StatePaths): Promise<ZoneId[]> {
  const found: ZoneId[] = [];
  for (const name of await namesIn(paths.zones)) {
    const zoneId = parseZoneId(name);
    if (zoneId !== undefined && (await namesIn(paths.zone(zoneId))).includes('disks')) found.push(zoneId);
  }
  return found;
}

/** Removes what lies in the zone's folder under a name that `keep` refuses. */
export async function sweepDiskFolder(
  paths: StatePaths,
  zoneId: ZoneId,
  keep: (name: string) => boolean,
): Promise<void> {
  const folder = paths.zoneDisks(zoneId);
  for (const name of await namesIn(folder)) {
    if (!keep(name)) await removeTree(folder, join(folder, name));
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
