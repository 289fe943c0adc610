/** Bytes at the end of a console in which last words are looked for. */
const searchedBytes = 16 * 1024;

const linesMax = 16;
const lineCharactersMax = 160;

/** Lines kept of what was said before a panic, which often names its cause. */
const linesBefore = 3;

const panic = /Kernel panic - not syncing/;

/**
 * The end of what a zone printed, as text that does no harm on a terminal: from just before its kernel's panic, or, when
 * there was none, the last lines. The zone chose all of it.
 */
export function lastWords(console: Buffer): string[] {
  const lines = console
    .subarray(-searchedBytes)
    .toString('latin1')
    .split(/[\r\n]+/)
    .map((line) => line.replaceAll(/[^\x20-\x7e]/g, '').slice(0, lineCharactersMax))
    .filter((line) => line.trim() !== '');
  const at = lines.findLastIndex((line) => panic.test(line));
  return at === -1 ? lines.slice(-linesMax) : lines.slice(Math.max(0, at - linesBefore)).slice(0, linesMax);
}

/** Whether the kernel said that it panicked because no memory was left. */
export function ranOutOfMemory(words: readonly string[]): boolean {
  return words.some((line) =>
    /Kernel panic - not syncing: (Out of memory|System is deadlocked on memory)/i.test(line),
  );
}
