import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { encodeNewc, type NewcEntry } from '../../zone/initrd/newc.ts';

/** A file of one boot, by its path in Dom0. */
export interface BootFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const commonFiles = join(import.meta.dirname, 'root');

/**
 * An archive to append to Dom0's ramdisk, which copies it over the root: what is in the folder `root` here, and
 * `own`. So neither a changed unit nor a key of this boot makes a new image.
 */
export async function bootFiles(own: readonly BootFile[]): Promise<Buffer> {
  const names = await readdir(commonFiles, { recursive: true, withFileTypes: true });
  const common = await Promise.all(
    names
      .filter((entry) => entry.isFile())
      .map(async (entry): Promise<BootFile> => {
        const source = join(entry.parentPath, entry.name);
        const executable = ((await stat(source)).mode & 0o100) !== 0;
        const path = source.slice(commonFiles.length + 1);
        return { path, mode: executable ? 0o755 : 0o644, bytes: await readFile(source) };
      }),
  );
  const files = [...common, ...own];
  const folders = new Set(files.flatMap(({ path }) => parents(`boot/${path}`)));
  return encodeNewc([
    ...[...folders].sort().map((path) => ({ type: 'directory' as const, path })),
    ...files.map((file): NewcEntry => ({ type: 'file', ...file, path: `boot/${file.path}` })),
  ]);
}

function parents(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [...parents(parent), parent];
}
