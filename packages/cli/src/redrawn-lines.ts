import type { OutputStream } from './cli.ts';
import { fitColumns } from './display-width.ts';
import { printable } from './printable.ts';

/** Lines at the bottom of a terminal that are drawn over and over. */
export interface RedrawnLines {
  /** Draws these instead of the last ones; what does not fit the terminal is left out. */
  draw(lines: readonly string[]): void;
  /** Removes them, and leaves the cursor where they began. */
  clear(): void;
}

export function createRedrawnLines(stream: OutputStream): RedrawnLines {
  let drawn = 0;
  // Back to the beginning of the first line, and nothing below it.
  const back = () => (drawn === 0 ? '' : `\r${drawn > 1 ? `\x1b[${drawn - 1}A` : ''}\x1b[J`);
  return {
    draw(lines) {
      const rows = Math.max(1, (stream.rows ?? 24) - 1);
      const columns = Math.max(20, (stream.columns ?? 80) - 1);
      const shown = lines.slice(0, rows).map((line) => fitColumns(printable(line), columns));
      stream.write(`${back()}${shown.join('\r\n')}`);
      drawn = shown.length;
    },
    clear() {
      stream.write(back());
      drawn = 0;
    },
  };
}
