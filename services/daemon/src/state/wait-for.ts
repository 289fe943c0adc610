import { Code, ConnectError } from '@connectrpc/connect';

/** Something that tells when it has changed, in any way. */
export interface Watched {
  onChange(listener: () => void): () => void;
}

/**
 * Settles with what `look` gives as soon as that is not undefined, looking again after each
 * change. When `signal` aborts: its reason if that is an error with a code, else DEADLINE_EXCEEDED for a time
 * limit and CANCELED for the rest.
 */
export async function waitFor<T>(
  watched: Watched,
  look: () => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  const first = look();
  if (first !== undefined) return first;
  const found = Promise.withResolvers<T>();
  const check = () => {
    try {
      const value = look();
      if (value !== undefined) found.resolve(value);
    } catch (error) {
      found.reject(error);
    }
  };
  const abort = () => found.reject(abortError(signal.reason));
  const stop = watched.onChange(check);
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) abort();
    return await found.promise;
  } finally {
    stop();
    signal.removeEventListener('abort', abort);
  }
}

function abortError(reason: unknown): ConnectError {
  if (reason instanceof ConnectError) return reason;
  const isLimit = reason instanceof Error && reason.name === 'TimeoutError';
  const [text, code] = isLimit
    ? ['waiting took too long', Code.DeadlineExceeded]
    : ['waiting was canceled', Code.Canceled];
  return new ConnectError(text, code, undefined, undefined, reason);
}
