import type { Logger } from 'pino';
import { toError } from './errors.ts';

/**
 * Work that nobody waits for. A task that fails is logged with its name and counted; it ends nothing else.
 * Everything fire-and-forget goes through here, so that no rejection is left unhandled.
 */
export interface Background {
  (name: string, task: Promise<unknown>): void;
  /** Tasks under way, by name. */
  running(): string[];
  /** Tasks that failed since the start. */
  readonly failures: number;
  /** Settles when no task is under way, those begun meanwhile included. */
  idle(): Promise<void>;
}

export function createBackground(logger: Pick<Logger, 'error'>): Background {
  const tasks = new Map<Promise<void>, string>();
  let failures = 0;
  const background = (name: string, task: Promise<unknown>) => {
    const settled: Promise<void> = task.then(
      () => {
        tasks.delete(settled);
      },
      (thrown: unknown) => {
        tasks.delete(settled);
        failures += 1;
        logger.error({ task: name, err: toError(thrown) }, 'a background task failed');
      },
    );
    tasks.set(settled, name);
  };
  return Object.defineProperty(
    Object.assign(background, {
      running: () => [...tasks.values()],
      failures: 0,
      async idle() {
        while (tasks.size > 0) await Promise.all(tasks.keys());
      },
    }),
    'failures',
    { get: () => failures },
  );
}
