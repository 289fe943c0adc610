import { setTimeout as delay } from 'node:timers/promises';
import { ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';

const retryMinMs = 250;
const retryMaxMs = 5_000;

/**
 * Carries `work` out until it succeeds: what a zone has told is so whether or not the database takes it, and a full
 * disk may have room again at any time. Rejects with a ConnectError, which is somebody’s answer; settles when
 * `signal` aborts.
 */
export async function untilStored(
  name: string,
  work: () => Promise<unknown>,
  { logger, signal }: { readonly logger: Pick<Logger, 'error'>; readonly signal: AbortSignal },
): Promise<void> {
  for (let retryMs = retryMinMs; ; retryMs = Math.min(retryMs * 2, retryMaxMs)) {
    try {
      await work();
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ConnectError) throw error;
      logger.error({ err: error, retryMs }, `${name} failed and is tried again`);
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }
}
