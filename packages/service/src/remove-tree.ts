import { realpath, rm } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';

/**
 * Removes `path` and all below it; absent is no error. Refuses what is not strictly inside `root`, so that
 * a wrong id can never take more than its own folder, also when a link on the way there leads outside.
 * Symbolic links are removed, not followed.
 */
export async function removeTree(root: string, path: string): Promise<void> {
  if (!isInside(resolve(root), resolve(path))) throw refusal(root, path);
  const parent = dirname(resolve(path));
  let real: [root: string, parent: string];
  try {
    real = await Promise.all([realpath(root), realpath(parent)]);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const target = join(real[1], basename(path));
  if (!isInside(real[0], target)) throw refusal(root, path);
  await rm(target, { recursive: true, force: true });
}

function isInside(root: string, path: string): boolean {
  const inside = relative(root, path);
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

function refusal(root: string, path: string): Error {
  return new Error(`refused to remove ${path}: it is not inside ${root}`);
}
