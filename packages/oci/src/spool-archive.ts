import { open } from 'node:fs/promises';
import { type Extent, indexArchive } from './archive-index.ts';
import { decompress } from './decompress.ts';
import { ImageError } from './image-error.ts';

/** No room left, on the disk or of a quota. */
const fullCodes: readonly unknown[] = ['ENOSPC', 'EDQUOT'];

/**
 * Writes an archive, decompressed, into a new file and tells where its files lie in it. `limit` when it is larger than
 * `maxBytes` or than what the disk takes. The caller removes the file.
 */
export async function spoolArchive(
  source: AsyncIterable<Uint8Array>,
  { path, name, maxBytes }: { path: string; name: string; maxBytes: number },
): Promise<ReadonlyMap<string, Extent>> {
  await using file = await open(path, 'wx', 0o600);
  const written = async function* () {
    let bytes = 0;
    for await (const chunk of decompress(source, name)) {
      bytes += chunk.length;
      if (bytes > maxBytes) {
        throw new ImageError('limit', `${name} has more than ${maxBytes} bytes, decompressed`);
      }
      await writeAll(chunk);
      yield chunk;
    }
  };
  const writeAll = async (chunk: Uint8Array) => {
    try {
      await file.appendFile(chunk);
    } catch (cause) {
      const full = cause instanceof Error && 'code' in cause && fullCodes.includes(cause.code);
      if (!full) throw cause;
      throw new ImageError('limit', `the disk has no room for ${name}; free some of ${path}`, { cause });
    }
  };
  return await indexArchive(written(), name);
}
