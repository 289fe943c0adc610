import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A Node process of a test's own. */
export interface Child extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Settles with the first line that it prints. */
  readonly firstLine: Promise<string>;
  /** Ends it by its id and waits until it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

export function startChild(file: URL, args: readonly string[]): Child {
  const child = spawn(process.execPath, [file.pathname, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(child, 'exit');
  const { promise: firstLine, resolve, reject } = Promise.withResolvers<string>();
  firstLine.catch(() => {});
  createInterface(child.stdout).once('line', resolve);
  void gone.then(([code, signal]) => reject(new Error(`${file.pathname} ended: ${code ?? signal}`)));
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await gone;
  };
  if (child.pid === undefined) throw new Error(`${file.pathname} did not start`);
  return { process: child, pid: child.pid, firstLine, kill, [Symbol.asyncDispose]: () => kill('SIGKILL') };
}
