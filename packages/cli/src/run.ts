import { CommanderError } from 'commander';
import type { Cli, ControlClient, InputStream, OutputStream } from './cli.ts';
import { inColour, showsColours } from './colours.ts';
import { interruptedExitCode, usageExitCode } from './command-error.ts';
import { completeCommand } from './completion/scripts.ts';
import { buildProgram, commandName, connectionOption } from './program.ts';
import { errorText, exitCodeOf } from './report-error.ts';

/** What surrounds one run of the command. */
export interface Surroundings {
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Finds the daemon: `path` is told in errors, `open` is called when a command first needs it. */
  readonly connection: (option: string | undefined) => {
    readonly path: string;
    open(interrupted: AbortSignal): ControlClient;
  };
  /** Aborted when the user wants the command to end. */
  readonly interrupted: AbortSignal;
}

/** Runs one command line and gives the status to exit with; every failure is told on standard error. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { stdin, stdout, stderr, env, interrupted } = surroundings;
  let exitCode = 0;
  let connection: ReturnType<Surroundings['connection']> | undefined;
  let client: ControlClient | undefined;
  const connect = () => {
    connection ??= surroundings.connection(
      connectionOption(args[0] === completeCommand ? args.slice(2) : args),
    );
    return connection;
  };
  const cli: Cli = {
    stdin,
    stdout,
    stderr,
    env,
    interrupted,
    get socketPath() {
      return connect().path;
    },
    get control() {
      client ??= connect().open(interrupted);
      return client;
    },
    setExitCode(code) {
      exitCode = code;
    },
  };
  try {
    const program = await buildProgram(cli, args);
    await program.parseAsync([...args], { from: 'user' });
    return interrupted.aborted ? interruptedExitCode : exitCode;
  } catch (error) {
    // Commander has printed what is wrong already; help and version are no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageExitCode;
    if (interrupted.aborted) return interruptedExitCode;
    const text = errorText(commandName(args), error, connection?.path ?? '');
    const colours = showsColours(stderr, env);
    stderr.write(colours ? text.replace(/^error:/, inColour('error:', 'red')) : text);
    return exitCodeOf(error);
  }
}
