import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StatePaths } from '@protect/config/paths';
import { type ControlClient, connectControl } from '../../scripts/stack/control-client.ts';
import { logTail } from '../../scripts/stack/log-file.ts';
import { type CliOptions, type CliResult, runProtect } from '../../scripts/stack/protect-cli.ts';
import { type RunningStack, takeDown, takeUp } from '../../scripts/stack/stack.ts';

/** The five services on a temporary state folder, with ways in. Disposing leaves nothing behind. */
export interface TestStack extends RunningStack, AsyncDisposable {
  readonly state: string;
  readonly client: ControlClient;
  /** The real `protect` command against this stack; a failure is a result. */
  cli(...args: readonly string[]): Promise<CliResult>;
  cliWith(options: CliOptions, ...args: readonly string[]): Promise<CliResult>;
  /** The same, for commands that must succeed; gives standard output without its last newline. */
  output(...args: readonly string[]): Promise<string>;
}

export interface TestStackOptions {
  /** Contents of daemon.toml; the daemon's defaults when absent. */
  readonly daemonToml?: string;
  /** The state folder, which is made; one of the temporary folder when absent. */
  readonly stateDir?: string;
}

/** Starts a stack for a test file. */
export async function startStack(options: TestStackOptions = {}): Promise<TestStack> {
  const state = options.stateDir ?? (await mkdtemp(join(tmpdir(), 'protect-test-')));
  try {
    mkdirSync(state, { recursive: true });
    if (options.daemonToml !== undefined) writeFileSync(join(state, 'daemon.toml'), options.daemonToml);
    const running = await takeUp({ stateDir: state, keep: false, signal: AbortSignal.timeout(60_000) });
    return testStack(state, running);
  } catch (error) {
    await removeState(state);
    throw error;
  }
}

function testStack(state: string, running: RunningStack): TestStack {
  const control = connectControl(running.paths.daemonSocket);
  const cliWith = (options: CliOptions, ...args: readonly string[]) =>
    runProtect(running.paths, args, options);
  return {
    ...running,
    state,
    client: control.client,
    cli: (...args) => cliWith({}, ...args),
    cliWith,
    async output(...args) {
      const result = await cliWith({}, ...args);
      if (result.exitCode !== 0) {
        throw new Error(
          `protect ${args.join(' ')} ended with ${result.exitCode}: ${result.stderr}\n${daemonLog(running.paths)}`,
        );
      }
      return result.stdout.replace(/\n$/, '');
    },
    async [Symbol.asyncDispose]() {
      control.close();
      await removeState(state);
    },
  };
}

function daemonLog(paths: StatePaths): string {
  return `daemon's log:\n${logTail(paths.log('daemon'), 15)}`;
}

async function removeState(state: string): Promise<void> {
  await takeDown(state);
  await rm(state, { recursive: true, force: true });
}
