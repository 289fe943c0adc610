import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** What of a package-lock.json tells which folders of node_modules are needed at run time. */
export const lockFileSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ dev: z.boolean().optional(), link: z.boolean().optional(), resolved: z.string().optional() }),
  ),
});

export type LockFile = z.infer<typeof lockFileSchema>;

/**
 * Folders and links of node_modules that the services and the command need, relative to the project: whatever is
 * not for development alone. A folder within another one of the list is not repeated.
 */
export function runtimeModules(lock: LockFile): readonly string[] {
  const wanted = Object.entries(lock.packages)
    .filter(([path, { dev }]) => /(^|\/)node_modules\//.test(path) && dev !== true)
    .map(([path]) => path)
    .sort();
  return wanted.filter((path) => !wanted.some((other) => path.startsWith(`${other}/`)));
}

/** Sources and artefacts that change from one edit to the next, relative to the project. */
export async function sourceFiles(root: string): Promise<readonly string[]> {
  const folders = [
    'packages',
    'services',
    'scripts',
    'zone/build/kernel',
    'zone/build/initrd',
    'zone/build/busybox',
  ];
  const files = await Promise.all(folders.map((folder) => filesBelow(root, folder)));
  return ['package.json', ...files.flat()];
}

/** Everything that Dom0 needs of this working tree, relative to it. Files that are not committed yet are there too. */
export async function runtimeFiles(root: string): Promise<readonly string[]> {
  const lock = lockFileSchema.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  // Packages for other platforms have an entry, and no folder here.
  const modules = runtimeModules(lock).filter((path) => existsSync(join(root, path)));
  return [...(await sourceFiles(root)), ...modules];
}

async function filesBelow(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const found = await Promise.all(
    entries
      .filter(({ name }) => name !== 'node_modules' && !name.endsWith('.test.ts'))
      .map((entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? filesBelow(root, path) : [path];
      }),
  );
  return found.flat().sort();
}
