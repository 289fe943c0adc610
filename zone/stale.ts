import { createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';

/** Digest of the names and contents of `files` and of `texts`: changes exactly when one of them does. */
export async function inputsKey(files: readonly string[], texts: readonly string[] = []): Promise<string> {
  const hash = createHash('sha256');
  const contents = await Promise.all(files.map((file) => readFile(file)));
  for (const [index, content] of contents.entries()) {
    hash.update(`${files[index]}\0${content.length}\0`).update(content);
  }
  for (const text of texts) hash.update(`${text.length}\0${text}`);
  return hash.digest('hex');
}

/** True when the layout in `directory` is there and was built from inputs with this key. */
export async function isFresh(directory: string, key: string): Promise<boolean> {
  const [built, index] = await Promise.all([
    readFile(`${directory}.key`, 'utf8').catch(() => undefined),
    stat(`${directory}/index.json`).catch(() => undefined),
  ]);
  return index !== undefined && built === key;
}

/** Records that the layout in `directory` was built from inputs with this key. */
export async function markFresh(directory: string, key: string): Promise<void> {
  await writeFile(`${directory}.key.new`, key);
  await rename(`${directory}.key.new`, `${directory}.key`);
}
