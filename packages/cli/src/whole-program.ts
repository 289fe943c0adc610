import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { buildProgram } from './program.ts';

/** The command line with every command in it, to be described; nothing of it can be run. */
export function wholeProgram(): Promise<Command> {
  const cli: Cli = {
    // No terminal, whose width would show in the help.
    stdin: new PassThrough(),
    stdout: new PassThrough(),
    stderr: new PassThrough(),
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
