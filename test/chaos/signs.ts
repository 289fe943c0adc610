import { Code, ConnectError } from '@connectrpc/connect';
import type { ControlClient } from '../../scripts/stack/control-client.ts';

/** Beside events, what is waited for is looked at this often: processes and links of the host send none. */
const lookAgainMs = 200;

/** What shows that something goes on: changes of zones and workloads, and whatever else is told here. */
export interface Signs extends AsyncDisposable {
  /** Something has happened. */
  tell(): void;
  /** Settles after this many further signs, or when `signal` aborts. */
  pass(count: number, signal: AbortSignal): Promise<void>;
  /**
   * Looks at once, at every sign and from time to time until `look` gives something; an error that it throws
   * counts as not yet. Rejects after `limitMs` with the last error.
   */
  until<T>(what: string, limitMs: number, look: () => Promise<T | undefined>): Promise<T>;
}

/** Watches the daemon's events, again whenever it comes back. */
export function watchSigns(client: ControlClient): Signs {
  const stop = new AbortController();
  let next = Promise.withResolvers<void>();
  const tell = () => {
    next.resolve();
    next = Promise.withResolvers();
  };
  const ticked = async () => {
    const tick = Promise.withResolvers<void>();
    const timer = setTimeout(tick.resolve, lookAgainMs);
    await Promise.race([next.promise, tick.promise]);
    clearTimeout(timer);
  };
  const watching = (async () => {
    while (!stop.signal.aborted) {
      try {
        for await (const _ of client.watchEvents({}, { signal: stop.signal })) tell();
      } catch (error) {
        // The daemon is away.
        if (ConnectError.from(error).code === Code.ResourceExhausted) throw error;
      }
      await ticked();
    }
  })();
  return {
    tell,
    async pass(count, signal) {
      const aborted = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => aborted.resolve(), { once: true });
      for (let passed = 0; passed < count && !signal.aborted; passed++) {
        await Promise.race([next.promise, aborted.promise]);
      }
    },
    async until(what, limitMs, look) {
      const giveUpAt = performance.now() + limitMs;
      for (;;) {
        let failure: unknown;
        try {
          const found = await look();
          if (found !== undefined) return found;
        } catch (error) {
          failure = error;
        }
        if (performance.now() > giveUpAt) {
          const why = failure === undefined ? '' : `: ${String(failure)}`;
          throw new Error(`not so after ${limitMs / 1000} s: ${what}${why}`, { cause: failure });
        }
        await ticked();
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      tell();
      await watching;
    },
  };
}
