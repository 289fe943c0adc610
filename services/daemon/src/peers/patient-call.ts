import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';

/** How long a service may be away before a call to it fails. */
export const peerPatienceMs = 20_000;

const retryMs = 200;

/** Codes that pass once the service is back and has its configuration. */
const passing: ReadonlySet<Code> = new Set([Code.Unavailable, Code.FailedPrecondition]);

/**
 * Repeats an idempotent call while its service restarts, so that a restart in the middle of an
 * operation does not fail it. UNAVAILABLE, naming the service, when it stays away.
 */
export async function patientCall<T>(
  service: 'protect-storage' | 'protect-network',
  call: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  patienceMs: number = peerPatienceMs,
): Promise<T> {
  const giveUpAt = performance.now() + patienceMs;
  while (true) {
    try {
      return await call(signal);
    } catch (error) {
      const known = ConnectError.from(error);
      if (signal.aborted || !passing.has(known.code)) throw error;
      if (performance.now() >= giveUpAt) {
        const text = `${service} did not answer for ${patienceMs / 1000} s (${known.rawMessage}); is it running?`;
        throw new ConnectError(text, Code.Unavailable, undefined, undefined, error);
      }
      await delay(retryMs, undefined, { signal });
    }
  }
}
