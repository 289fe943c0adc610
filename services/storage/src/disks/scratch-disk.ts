import { chown, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { filesystemError, hasCode, refused } from '../errors.ts';
import { makeDeviceNode } from './device-node.ts';
import { formatExt4 } from './format-ext4.ts';
import type { HostDevice } from './host-device.ts';

/** Who the scratch disk is for. */
export interface ScratchOwner {
  readonly folder: string;
  readonly generation: bigint;
  readonly uid: number;
}

/**
 * The disk's name carries the generation, which makes it tell even without a database whether it belongs
 * to the zone's present life. The dot keeps it apart from every serial.
 */
export function scratchName(generation: bigint): string {
  return `scratch.${generation}`;
}

/** Under this name until it is complete, so that a crash never leaves a half-made scratch disk. */
export function unfinishedScratchName(generation: bigint): string {
  return `${scratchName(generation)}.new`;
}

/** A sparse file with an empty ext4; one that is there already is left as it is. Returns its path. */
export async function makeScratchFile(
  owner: ScratchOwner,
  sizeBytes: bigint,
  signal: AbortSignal,
): Promise<string> {
  return make(owner, async (unfinished) => {
    const file = await open(unfinished, 'wx', 0o600);
    try {
      await file.truncate(Number(sizeBytes));
    } finally {
      await file.close();
    }
    await chown(unfinished, owner.uid, owner.uid);
    await formatExt4({ path: unfinished, kind: 'file', uid: owner.uid }, signal);
  });
}

/** A device of the host, formatted once per generation. Returns the path of its node. */
export async function makeScratchDevice(
  owner: ScratchOwner,
  device: HostDevice,
  signal: AbortSignal,
): Promise<string> {
  if (device.readOnly) throw refused(`${device.path} is read-only and cannot be a scratch disk`);
  return make(owner, async (unfinished) => {
    await makeDeviceNode(device, unfinished, { uid: owner.uid, readOnly: false }, signal);
    await formatExt4({ path: unfinished, kind: 'device', uid: owner.uid }, signal);
  });
}

async function make(owner: ScratchOwner, fill: (unfinished: string) => Promise<void>): Promise<string> {
  const path = join(owner.folder, scratchName(owner.generation));
  if (await exists(path)) return path;
  const unfinished = join(owner.folder, unfinishedScratchName(owner.generation));
  await rm(unfinished, { force: true });
  try {
    await fill(unfinished);
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw filesystemError(error, `make the scratch disk ${path}`);
  }
  return path;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
