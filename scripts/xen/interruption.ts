import { constants } from 'node:os';

/** What the signals that end a command do to it: `signal` is aborted, and the command takes down what it started. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** What a shell would give for the signal that came; undefined when none did. */
  readonly exitCode: () => number | undefined;
}

export function onInterruption(): Interruption {
  const interrupted = new AbortController();
  let first: NodeJS.Signals | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      first ??= name;
      interrupted.abort(new Error(`interrupted by ${name}`));
    });
  }
  return {
    signal: interrupted.signal,
    exitCode: () => (first ? 128 + constants.signals[first] : undefined),
  };
}
