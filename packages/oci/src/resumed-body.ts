import { ImageError } from './image-error.ts';
import { pacedBody } from './paced-body.ts';
import { type HttpAnswer, type RegistryPace, shownUrl } from './registry-http.ts';
import { TransientError } from './transient-error.ts';
import { maxAttempts, withRetries } from './with-retries.ts';

/** A connection that brought this much has earned new attempts. */
const progressBytes = 1 << 20;

/**
 * The body of a blob of `size` bytes. When the connection is cut, it goes on where it was with a new answer of
 * `open`, which asks for the bytes from an offset; whether they fit together is for the digest to tell.
 */
export async function* resumedBody(
  open: (offset: number) => Promise<HttpAnswer>,
  size: number,
  pace: RegistryPace,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let answer = await open(0);
  let offset = 0;
  let mark = 0;
  let attempts = 1;
  for (;;) {
    // A server that knows no ranges sends all of it again.
    let known = offset - startOf(answer, offset);
    try {
      for await (const chunk of pacedBody(answer, pace, signal)) {
        const fresh = chunk.subarray(known);
        known -= chunk.length - fresh.length;
        offset += fresh.length;
        if (fresh.length > 0) yield fresh;
      }
      return;
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
      if (offset >= size) return;
      if (offset - mark >= progressBytes) {
        mark = offset;
        attempts = 1;
      }
      if (attempts++ === maxAttempts) throw error;
    }
    answer = await withRetries(() => open(offset), { signal, backOffMs: pace.backOffMs });
  }
}

/** The offset of an answer's first byte. */
function startOf({ status, headers, url, body }: HttpAnswer, asked: number): number {
  if (status !== 206) return 0;
  const start = /^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1];
  if (start !== undefined && Number(start) === asked) return asked;
  body.destroy();
  throw new ImageError('broken', `${shownUrl(url)} was asked for bytes from ${asked} on and gives others`);
}
