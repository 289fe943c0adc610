import { setTimeout as delay } from 'node:timers/promises';
import { ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';

const retryMinMs = 250;
const retryMaxMs = 5_000;

export interface KeepTryingOptions {
  readonly logger: Pick<Logger, 'error'>;
  /** Ends the tries. */
  readonly signal: AbortSignal;
  /** Whether a failure is an answer, which another try would only repeat. A ConnectError is one unless told otherwise. */
  readonly isAnswer?: (error: unknown) => boolean;
}

/**
 * Carries `work` out until it succeeds: what a zone has told is so whether or not the database takes it, and a full
 * disk may have room again at any time. Rejects with an answer; settles when `signal` aborts.
 */
export async function keepTrying(
  name: string,
  work: () => Promise<unknown>,
  { logger, signal, isAnswer = (error) => error instanceof ConnectError }: KeepTryingOptions,
): Promise<void> {
  for (let retryMs = retryMinMs; ; retryMs = Math.min(retryMs * 2, retryMaxMs)) {
    try {
      await work();
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (isAnswer(error)) throw error;
      logger.error({ err: error, retryMs }, `${name} failed and is tried again`);
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}
