import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { WatchEventsReply } from '@protect/proto/control';
import type { Cli } from './cli.ts';

/** How often the state is read even when no event tells of a change. */
const sweepMs = 2_000;

/** How long the daemon may be away while something is waited for. */
const absenceMs = 30_000;

const retryMs = 500;

/**
 * Waits until `look` gives something, asking at once, after each event that concerns it and every two
 * seconds, since events are hints only. A daemon that restarts meanwhile is waited for.
 */
export async function watchUntil<T>(
  { control, interrupted }: Pick<Cli, 'control' | 'interrupted'>,
  concerns: (event: WatchEventsReply['event']) => boolean,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const stop = new AbortController();
  let changed = Promise.withResolvers<void>();
  const watching = watch().catch(() => undefined);

  async function watch(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        for await (const { event } of control.watchEvents({}, { signal: stop.signal })) {
          if (concerns(event)) changed.resolve();
        }
      } catch {
        // The sweep below goes on asking, and tells when the daemon stays away.
      }
      await delay(sweepMs, undefined, { signal: stop.signal });
    }
  }

  let awaySince: number | undefined;
  try {
    while (true) {
      const next = changed;
      try {
        const found = await look();
        if (found !== undefined) return found;
        awaySince = undefined;
      } catch (error) {
        awaySince ??= performance.now();
        if (!isAway(error) || performance.now() - awaySince > absenceMs) throw error;
        await delay(retryMs, undefined, { signal: interrupted });
        continue;
      }
      const pause = new AbortController();
      await Promise.race([
        next.promise,
        delay(sweepMs, undefined, { signal: AbortSignal.any([pause.signal, interrupted]) }).catch(
          () => undefined,
        ),
      ]);
      pause.abort();
      changed = Promise.withResolvers();
    }
  } finally {
    stop.abort();
    await watching;
  }
}

function isAway(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.Aborted;
}
