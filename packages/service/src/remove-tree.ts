import { rm } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

/**
 * Removes `path` and all below it; absent is no error. Refuses what is not strictly inside `root`, so that
 * a wrong id can never take more than its own folder. Symbolic links are removed, not followed.
 */
export async function removeTree(root: string, path: string): Promise<void> {
  const inside = relative(resolve(root), resolve(path));
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw new Error(`refused to remove ${path}: it is not inside ${root}`);
  }
  await rm(path, { recursive: true, force: true });
}
