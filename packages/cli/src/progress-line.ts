import type { Cli } from './cli.ts';
import { printable } from './printable.ts';
import { createRedrawnLines } from './redrawn-lines.ts';

/** How long a phase lasts before it is told where lines cannot be redrawn. */
const patienceMs = 2_000;

/** What a command is doing, told on standard error: one redrawn line on a terminal, else a line a slow phase. */
export interface ProgressLine {
  show(phase: string): void;
  /** Removes the line. */
  end(): void;
}

export function createProgressLine({ stderr }: Pick<Cli, 'stderr'>): ProgressLine {
  if (stderr.isTTY !== true) return patient(stderr);
  const lines = createRedrawnLines(stderr);
  return { show: (phase) => lines.draw([phase]), end: () => lines.clear() };
}

function patient(stderr: Cli['stderr']): ProgressLine {
  let current = '';
  let timer: NodeJS.Timeout | undefined;
  return {
    show(phase) {
      if (phase === current) return;
      current = phase;
      clearTimeout(timer);
      timer = setTimeout(() => stderr.write(`${printable(phase)}\n`), patienceMs);
      timer.unref();
    },
    end() {
      clearTimeout(timer);
    },
  };
}
