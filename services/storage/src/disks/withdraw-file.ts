import { unlink } from 'node:fs/promises';
import { filesystemError, hasCode } from '../errors.ts';

/** Removes one disk of a zone by its path; an absent one is no error. */
export async function withdrawFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw filesystemError(error, `withdraw ${path}`);
  }
}
