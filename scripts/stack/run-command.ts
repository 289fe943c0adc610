import { execa } from 'execa';

/** Runs a program of the host and returns what it printed; an error carries what it complained of. */
export async function runCommand(file: string, args: readonly string[], timeoutMs = 30_000): Promise<string> {
  const result = await execa(file, args, { timeout: timeoutMs, reject: false, stdin: 'ignore' });
  if (result.failed) {
    throw new Error(`${file} ${args.join(' ')}: ${result.stderr.trim() || result.message}`);
  }
  return result.stdout;
}
