import type { Cli } from './cli.ts';

/** How long a phase lasts before it is told where lines cannot be redrawn. */
const patienceMs = 2_000;

/** What a command is doing, told on standard error: one redrawn line on a terminal, else a line a slow phase. */
export interface ProgressLine {
  /** `phase` stays the same while `detail` moves. */
  show(phase: string, detail?: string): void;
  /** Removes the line. */
  end(): void;
}

export function createProgressLine({ stderr }: Pick<Cli, 'stderr'>): ProgressLine {
  return stderr.isTTY === true ? redrawn(stderr) : patient(stderr);
}

function redrawn(stderr: Cli['stderr']): ProgressLine {
  let shown = false;
  return {
    show(phase, detail) {
      const text = (detail === undefined ? phase : `${phase}: ${detail}`).replaceAll(/\p{Cc}/gu, '?');
      stderr.write(`\r\x1b[K${text.slice(0, Math.max(20, (stderr.columns ?? 80) - 1))}`);
      shown = true;
    },
    end() {
      if (shown) stderr.write('\r\x1b[K');
      shown = false;
    },
  };
}

function patient(stderr: Cli['stderr']): ProgressLine {
  let current = '';
  let timer: NodeJS.Timeout | undefined;
  return {
    show(phase) {
      if (phase === current) return;
      current = phase;
      clearTimeout(timer);
      timer = setTimeout(() => stderr.write(`${phase.replaceAll(/\p{Cc}/gu, '?')}\n`), patienceMs);
      timer.unref();
    },
    end() {
      clearTimeout(timer);
    },
  };
}
