/** A failure that is told to the user in one line: `error: <what>: <why>; <remedy>`. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? 1;
  }
}

/** What the shell is told when the command line itself makes no sense. */
export const usageExitCode = 2;

/** What the shell is told after Ctrl-C. */
export const interruptedExitCode = 130;

/** The command line asks for something impossible. */
export function usageError(message: string): CommandError {
  return new CommandError(message, { exitCode: usageExitCode });
}
