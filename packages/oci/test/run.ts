import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a tool for a test and gives its standard output. */
export async function run(file: string, ...args: string[]): Promise<string> {
  const { stdout } = await execute(file, args, { timeout: 30_000, maxBuffer: 16 << 20 });
  return stdout;
}
