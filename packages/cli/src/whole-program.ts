import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { buildProgram } from './program.ts';

/** The command line with every command in it, to be described; nothing of it can be run. */
export function wholeProgram(): Promise<Command> {
  const { stdin, stdout, stderr } = process;
  const cli: Cli = {
    stdin,
    stdout,
    stderr,
    env: {},
    interrupted: new AbortController().signal,
    get socketPath(): never {
      throw new Error('there is no daemon to describe commands with');
    },
    get control(): never {
      throw new Error('there is no daemon to describe commands with');
    },
    setExitCode: () => {},
  };
  return buildProgram(cli, 'all');
}
