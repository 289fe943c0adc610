import { link, realpath, stat, unlink } from 'node:fs/promises';
import { sep } from 'node:path';
import { filesystemError, hasCode, invalid, refused } from '../errors.ts';

/** A file of the image cache that may be given to a zone. */
export interface CachedImage {
  /** Free of symbolic links. */
  readonly path: string;
  readonly sizeBytes: bigint;
}

/**
 * Checks that `path` is a file below one of `caches` that the zone's user can read and not write.
 * INVALID_ARGUMENT for paths outside, NOT_FOUND for absent files, FAILED_PRECONDITION for wrong modes.
 */
export async function openCachedImage(caches: readonly string[], path: string): Promise<CachedImage> {
  const real = await resolveImage(path);
  const folders = await Promise.all(caches.map(resolveCache));
  if (!folders.some((cache) => cache !== undefined && real.startsWith(cache + sep))) {
    throw invalid(`image ${path} is not below ${caches.join(' or ')}`);
  }
  const file = await stat(real, { bigint: true });
  if (!file.isFile()) throw invalid(`image ${path} is not a regular file`);
  if (file.uid !== 0n || (file.mode & 0o022n) !== 0n || (file.mode & 0o004n) === 0n) {
    throw refused(
      `image ${path} must belong to root, be readable by all and writable by root at most (mode 0444)`,
    );
  }
  return { path: real, sizeBytes: file.size };
}

/** Makes `target` a hard link to the image, in place of whatever else had that name. */
export async function linkImage(image: CachedImage, target: string): Promise<void> {
  try {
    if (await sameFile(image.path, target)) return;
    await link(image.path, target);
  } catch (error) {
    if (hasCode(error, 'EXDEV')) {
      throw refused(
        `image ${image.path} and the zones' folders are on different filesystems; keep cache and zones of the state folder on one`,
      );
    }
    throw filesystemError(error, `link image ${image.path} to ${target}`);
  }
}

/** True when both names are one file already; otherwise `target` is free afterwards. */
async function sameFile(path: string, target: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([stat(path, { bigint: true }), stat(target, { bigint: true })]);
    if (a.ino === b.ino && a.dev === b.dev) return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  await unlink(target);
  return false;
}

async function resolveImage(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    throw filesystemError(error, `find image ${path}`);
  }
}

/** Undefined for a cache that nothing was put into yet. */
async function resolveCache(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
