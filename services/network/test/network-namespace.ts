import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';

/** A named network namespace that goes away, with all in it, when disposed of. */
export interface TestNamespace extends Disposable {
  readonly name: string;
  readonly path: string;
  /** Runs a program in it and returns its output; throws when it fails. */
  run(file: string, ...args: string[]): string;
  /** Whether a program that runs in it succeeds. */
  succeeds(file: string, ...args: string[]): boolean;
}

export function makeNamespace(): TestNamespace {
  const name = `pztest-${randomBytes(5).toString('hex')}`;
  const path = `/run/netns/${name}`;
  execFileSync('ip', ['netns', 'add', name]);
  const run = (file: string, ...args: string[]) =>
    execFileSync('nsenter', [`--net=${path}`, '--', file, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
    });
  return {
    name,
    path,
    run,
    succeeds(file, ...args) {
      try {
        run(file, ...args);
        return true;
      } catch {
        return false;
      }
    },
    [Symbol.dispose]() {
      execFileSync('ip', ['netns', 'delete', name]);
    },
  };
}
