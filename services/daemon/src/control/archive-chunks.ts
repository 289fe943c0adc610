import { Code, ConnectError } from '@connectrpc/connect';
import type { ImportImageRequest } from '@protect/proto/control';
import { uploadStallMs } from '../limits.ts';

/**
 * The bytes of an uploaded archive. Ends with the last chunk; INVALID_ARGUMENT when the caller's side ends before,
 * ABORTED when no chunk comes for too long. Waiting ends when `signal` aborts.
 */
export async function* archiveChunks(
  first: ImportImageRequest,
  rest: AsyncIterator<ImportImageRequest>,
  signal: AbortSignal,
  stallMs: number = uploadStallMs,
): AsyncGenerator<Uint8Array> {
  let message = first;
  while (true) {
    if (message.chunk.length > 0) yield message.chunk;
    if (message.lastChunk) return;
    message = await next(rest, signal, stallMs);
  }
}

async function next(
  rest: AsyncIterator<ImportImageRequest>,
  signal: AbortSignal,
  stallMs: number,
): Promise<ImportImageRequest> {
  signal.throwIfAborted();
  const gone = Promise.withResolvers<never>();
  const onAbort = () => gone.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => gone.reject(stalled(stallMs)), stallMs);
  try {
    const { done, value } = await Promise.race([rest.next(), gone.promise]);
    if (done !== true) return value;
    throw new ConnectError('the upload ended before its last chunk; send it again', Code.InvalidArgument);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

function stalled(stallMs: number): ConnectError {
  const text = `no chunk of the archive came for ${stallMs / 1000} s; send it again`;
  return new ConnectError(text, Code.Aborted);
}
