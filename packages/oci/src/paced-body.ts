import { ImageError } from './image-error.ts';
import { type HttpAnswer, type RegistryPace, shownUrl } from './registry-http.ts';
import { TransientError } from './transient-error.ts';

/** Bytes that have to come in each `windowMs` of waiting: 1 KiB a second, by default. */
export const minWindowBytes = 60 << 10;

/** The body in chunks. Throws `TransientError` when it breaks off or stalls, and `ImageError` when it only drips. */
export async function* pacedBody(
  { body, url }: HttpAnswer,
  { stallMs, windowMs }: RegistryPace,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stop = () => body.destroy(new Error('given up'));
  // A consumer that takes its time between two chunks is no stall.
  let isReading = false;
  const stall = setTimeout(() => {
    if (isReading) body.destroy(new Error(`no byte for ${stallMs} ms`));
  }, stallMs);
  const window = { waitedMs: 0, bytes: 0 };
  const chunks: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      signal.throwIfAborted();
      stall.refresh();
      isReading = true;
      const since = performance.now();
      const result = await chunks.next();
      isReading = false;
      if (result.done === true) return;
      window.waitedMs += performance.now() - since;
      window.bytes += result.value.length;
      if (window.waitedMs >= windowMs) {
        if (window.bytes < minWindowBytes) throw tooSlow(url, window.bytes, windowMs);
        window.waitedMs = 0;
        window.bytes = 0;
      }
      yield result.value;
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ImageError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TransientError(`the answer of ${shownUrl(url)} breaks off: ${reason}`, { cause });
  } finally {
    clearTimeout(stall);
    signal.removeEventListener('abort', stop);
    body.destroy();
  }
}

function tooSlow(url: URL, bytes: number, windowMs: number): ImageError {
  return new ImageError(
    'unavailable',
    `${shownUrl(url)} is too slow: ${bytes} bytes in ${windowMs} ms, where ${minWindowBytes} are the least; try again later`,
  );
}
