import { existsSync, readFileSync, statSync, watch } from 'node:fs';

/** Where the log ends now, for `waitForLine` to begin from. */
export function logEnd(path: string): number {
  return existsSync(path) ? statSync(path).size : 0;
}

/** The last lines of a log; empty when there is none. */
export function logTail(path: string, lines: number): string {
  if (!existsSync(path)) return '';
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/**
 * Settles with the first complete line after byte `from` that `matches`. The file must exist. Rejects
 * with the signal's reason.
 */
export async function waitForLine(
  path: string,
  from: number,
  matches: (line: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const changed = Promise.withResolvers<string>();
  const look = () => {
    const text = readFileSync(path).subarray(from).toString('utf8');
    const line = text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .find(matches);
    if (line !== undefined) changed.resolve(line);
  };
  const watcher = watch(path, look);
  const abort = () => changed.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    look();
    return await changed.promise;
  } finally {
    watcher.close();
    signal.removeEventListener('abort', abort);
  }
}
