import { join } from 'node:path';
import type { StatePaths } from '@protect/config/paths';
import { execa } from 'execa';
import { projectRoot } from './stack.ts';

/** How one run of the `protect` command ended. */
export interface CliResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly signal?: AbortSignal;
  /** Given on standard input, which otherwise is empty. */
  readonly input?: string;
  readonly timeoutMs?: number;
  /** The command's output and errors go to ours as they come. */
  readonly show?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** Program and arguments of the real `protect` command against the daemon of this state folder. */
export function protectCommand(paths: StatePaths, args: readonly string[]): [file: string, args: string[]] {
  const file = join(projectRoot, 'packages/cli/bin/protect');
  return [file, ['--connection', `unix://${paths.daemonSocket}`, ...args]];
}

/** Runs the real `protect` command against the daemon of this state folder; a failure is a result. */
export async function runProtect(
  paths: StatePaths,
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const [file, words] = protectCommand(paths, args);
  const output = options.show ? (['pipe', 'inherit'] as const) : 'pipe';
  const result = await execa(file, words, {
    reject: false,
    stdout: output,
    stderr: output,
    stripFinalNewline: false,
    timeout: options.timeoutMs ?? 120_000,
    maxBuffer: 512 * 1024 * 1024,
    ...(options.env ? { env: { ...options.env } } : {}),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal ? { cancelSignal: options.signal } : {}),
  });
  options.signal?.throwIfAborted();
  if (result.exitCode === undefined)
    throw new Error(`protect ${args.join(' ')}: ${result.shortMessage}`, { cause: result });
  return { exitCode: result.exitCode, stdout: result.stdout, stderr: result.stderr };
}

/** The same, for callers that need success; the error shows what the command complained of. */
export async function protectOutput(
  paths: StatePaths,
  args: readonly string[],
  options: CliOptions = {},
): Promise<string> {
  const result = await runProtect(paths, args, options);
  if (result.exitCode !== 0) {
    throw new Error(`protect ${args.join(' ')} ended with ${result.exitCode}: ${result.stderr.trim()}`);
  }
  return result.stdout;
}
