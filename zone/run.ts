import { spawn } from 'node:child_process';

/** Bound on what a tool may print before its run is given up. */
const maxOutputBytes = 1 << 20;

/**
 * Runs a tool with an argument vector and gives its standard output; throws with the end of its standard error
 * when it fails or outlives `timeoutMs`.
 */
export async function run(
  file: string,
  args: readonly string[],
  { cwd, timeoutMs = 120_000 }: { cwd?: string; timeoutMs?: number } = {},
): Promise<string> {
  const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], timeout: timeoutMs });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (output.length > maxOutputBytes) child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4096);
  });
  return await new Promise((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => {
      const remedy = cause.code === 'ENOENT' ? '; install the package that carries it' : '';
      reject(new Error(`${file} cannot be started: ${cause.message}${remedy}`, { cause }));
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new Error(
            `${file} ${args.join(' ')} ended with ${signal ?? code}: ${errors.trim() || 'no message'}`,
          ),
        );
    });
  });
}
