import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A service's process under test; disposing of it kills it. */
export interface LaunchedService extends AsyncDisposable {
  readonly pid: number;
  /** Sends the signal and settles with the exit code, null when the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** Starts a service through its launcher; settles when it says that it is ready. */
export async function launchService(launcher: string, args: readonly string[]): Promise<LaunchedService> {
  const child = spawn(launcher, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${launcher} ended with ${code}: ${lines.join('\n')}`)));
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (line.includes('"msg":"ready"')) resolve();
    });
  });
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
    return child.exitCode;
  };
  return { pid: child.pid ?? 0, end, [Symbol.asyncDispose]: async () => void (await end('SIGKILL')) };
}
