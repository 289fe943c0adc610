import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const chunkBytes = 256 << 10;

/**
 * The bytes of a file, or of `length` bytes from `start`. Opens it when the first chunk is asked for and closes it
 * when reading ends in whatever way, so nothing is held or can fail while nobody reads.
 */
export async function* readChunks(
  path: string,
  { start = 0, length = Number.POSITIVE_INFINITY }: { start?: number; length?: number } = {},
): AsyncGenerator<Buffer> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  yield* readHandle(file, start, length);
}

/** As `readChunks`, of a file that the caller has opened and closes. */
export async function* readHandle(
  file: FileHandle,
  start = 0,
  length = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  for (let at = start, left = length; left > 0; ) {
    const wanted = Math.min(chunkBytes, left);
    // A fresh buffer each time: the consumer may still hold the last one.
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    left -= bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
