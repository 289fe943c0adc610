import { createHash } from 'node:crypto';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';

/**
 * Everything below a folder, one line a path: kind, permissions, owner, size, time, device numbers, link target,
 * digest of the content, and the first other name of a hard link.
 */
export async function listTree(root: string): Promise<string[]> {
  const found = await below(root);
  const firstNames = new Map<bigint, string>();
  const lines: string[] = [];
  for (const path of found.sort()) {
    const stats = await lstat(path, { bigint: true });
    const name = relative(root, path);
    const owner = `${stats.uid}:${stats.gid}`;
    const facts: unknown[] = [name, stats.mode.toString(8), owner];
    if (stats.isSymbolicLink()) facts.push(await readlink(path));
    else if (stats.isFile()) {
      facts.push(
        stats.size,
        stats.mtimeMs / 1000n,
        createHash('sha256')
          .update(await readFile(path))
          .digest('hex'),
      );
      facts.push(firstNames.get(stats.ino) ?? 'first');
      if (!firstNames.has(stats.ino)) firstNames.set(stats.ino, name);
    } else if (!stats.isDirectory()) facts.push(stats.rdev);
    lines.push(facts.join(' '));
  }
  return lines;
}

/** `readdir` with `recursive` would follow symbolic links. */
async function below(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = entries.map(async (entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [path, ...(await below(path))] : [path];
  });
  return (await Promise.all(nested)).flat();
}
