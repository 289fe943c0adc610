import type { Cli } from './cli.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Ctrl-], which leaves a console without ending anything. */
export const detachKey = 0x1d;

/** Size of the user's terminal, or undefined when the output is none. */
export function terminalSize({ stdout }: Pick<Cli, 'stdout'>): TerminalSize | undefined {
  const { rows, columns } = stdout;
  return stdout.isTTY === true && rows !== undefined && columns !== undefined ? { rows, columns } : undefined;
}

/** Calls `changed` whenever the terminal gets another size; the result stops that. */
export function onResize(cli: Pick<Cli, 'stdout'>, changed: (size: TerminalSize) => void): () => void {
  const listener = () => {
    const size = terminalSize(cli);
    if (size !== undefined) changed(size);
  };
  cli.stdout.on('resize', listener);
  return () => cli.stdout.removeListener('resize', listener);
}

/** Passes every key on unchanged while `action` runs; without a terminal it just runs. */
export async function withRawInput<T>(cli: Pick<Cli, 'stdin'>, action: () => Promise<T>): Promise<T> {
  const { stdin } = cli;
  if (stdin.isTTY !== true || stdin.setRawMode === undefined) return action();
  stdin.setRawMode(true);
  try {
    return await action();
  } finally {
    stdin.setRawMode(false);
  }
}
