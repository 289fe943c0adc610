import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { CommandResult, RunningCommand } from './core-host.ts';

/** Output kept of one command; more than any test reads. */
const maxOutputChars = 4 * 1024 * 1024;

export interface FollowOptions {
  /** What was typed, for messages. */
  readonly command: string;
  readonly patienceMs: number;
  /** Asks the command to end; called when it is disposed of while it runs. */
  readonly kill: () => Promise<void> | void;
}

/** Gives a child process with pipes the shape of a running command. */
export function followCommand(child: ChildProcess, options: FollowOptions): RunningCommand {
  const { command, patienceMs } = options;
  const printed = { stdout: '', stderr: '' };
  let taken = 0;
  let exitCode: number | undefined;
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
      if (printed[name].length > maxOutputChars) child.kill('SIGKILL');
      tell();
    });
  }
  // A command that ends before it has read its input.
  child.stdin?.on('error', () => undefined);
  const closed = once(child, 'close').then(
    ([code, signal]) => {
      exitCode = typeof code === 'number' ? code : 255;
      if (signal) printed.stderr += `[ended by ${signal}]`;
      tell();
    },
    (error: unknown) => {
      exitCode = 255;
      printed.stderr += String(error);
      tell();
    },
  );

  /** Looks at once and after every change; undefined from `look` means not yet. */
  async function wait<T>(what: string, look: () => T | undefined): Promise<T> {
    const deadline = Promise.withResolvers<void>();
    const timer = setTimeout(deadline.resolve, patienceMs);
    const until = performance.now() + patienceMs;
    try {
      for (;;) {
        const next = changed.promise;
        const found = look();
        if (found !== undefined) return found;
        if (exitCode !== undefined) throw failure(`ended with ${exitCode} before ${what}`);
        if (performance.now() >= until) throw failure(`${patienceMs / 1000} s passed before ${what}`);
        await Promise.race([next, deadline.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  function failure(reason: string): Error {
    return new Error(`${command}: ${reason}\nstdout: ${printed.stdout}\nstderr: ${printed.stderr}`);
  }

  return {
    write: (text) => void child.stdin?.write(text),
    endInput: () => void child.stdin?.end(),
    line: (pattern) =>
      wait(`it printed ${pattern}`, () => {
        for (;;) {
          const end = printed.stdout.indexOf('\n', taken);
          if (end < 0) return undefined;
          const line = printed.stdout.slice(taken, end);
          taken = end + 1;
          if (pattern.test(line)) return line;
        }
      }),
    end: () =>
      wait('its end', (): CommandResult | undefined =>
        exitCode === undefined ? undefined : { command, exitCode, ...printed },
      ),
    async [Symbol.asyncDispose]() {
      if (exitCode === undefined) await options.kill();
      child.stdin?.destroy();
      await closed;
    },
  };
}
