import { setTimeout as delay } from 'node:timers/promises';
import { TransientError } from './transient-error.ts';

/** How often a request is made before its failure counts. */
export const maxAttempts = 4;

/** First pause; it doubles each time. */
export const defaultBackOffMs = 250;

/** Longest pause that a server may ask for; the caller is told when it asks for more. */
const maxRetryAfterMs = 30_000;

/** Makes `attempt` again after a `TransientError`, with longer and longer pauses, or those that the server asks for. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { signal, backOffMs = defaultBackOffMs }: { signal: AbortSignal; backOffMs?: number | undefined },
): Promise<T> {
  for (let attempts = 1; ; attempts++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransientError) || attempts === maxAttempts) throw error;
      if ((error.retryAfterMs ?? 0) > maxRetryAfterMs) throw error;
      await pause(error.retryAfterMs ?? jittered(backOffMs * 2 ** (attempts - 1)), signal);
    }
  }
}

/** Half to all of a time, so that those who failed together do not come back together. */
function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}
