import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { identifyProcess } from '../stack/process-id.ts';

/** Work in progress carries the number of the process that does it, so that a killed run's can be told. */
const unfinished = /^building-(\d+)$/;

/**
 * The folder `path`, which is named for what it is made from and so never changes: made by `build` in a temporary
 * folder beside it when it is missing, then renamed. Siblings, made from earlier inputs, are removed.
 */
export async function cachedFolder(path: string, build: (folder: string) => Promise<void>): Promise<string> {
  if (!existsSync(path)) {
    const parent = dirname(path);
    const work = join(parent, `building-${process.pid}`);
    await rm(work, { recursive: true, force: true });
    await mkdir(work, { recursive: true });
    try {
      await build(work);
      await rename(work, path).catch((error: unknown) => {
        // Another process was as quick with the same content.
        if (!existsSync(path)) throw error;
      });
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  }
  await removeStale(path);
  return path;
}

async function removeStale(path: string): Promise<void> {
  const parent = dirname(path);
  for (const name of await readdir(parent)) {
    const pid = unfinished.exec(name)?.[1];
    const inUse = pid === undefined ? name === basename(path) : identifyProcess(Number(pid)) !== undefined;
    if (!inUse) await rm(join(parent, name), { recursive: true, force: true });
  }
}
