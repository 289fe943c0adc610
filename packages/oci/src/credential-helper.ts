import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { z } from 'zod';
import type { Credentials } from './credentials.ts';

/** Deadline of one question to a helper. */
const defaultTimeoutMs = 10_000;

/** Bound on a helper's answer. */
const maxAnswerBytes = 64 << 10;

/** What helpers say on standard output when they know no credentials for a server. */
const notFound = 'credentials not found in native keychain';

const answerSchema = z.object({ Username: z.string(), Secret: z.string().min(1) });

/**
 * Asks the program `docker-credential-NAME` for the credentials of a server. What it says is kept to ourselves, also
 * when it fails: there may be secrets in it. Throws only when `signal` aborts.
 */
export async function askCredentialHelper(
  name: string,
  serverUrl: string,
  { signal, timeoutMs = defaultTimeoutMs }: { signal: AbortSignal; timeoutMs?: number },
): Promise<Credentials> {
  const program = `docker-credential-${name}`;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name)) {
    return { problem: `${JSON.stringify(name.slice(0, 80))} is no name of a credential helper` };
  }
  const { problem, exitCode, output } = await run(program, serverUrl, signal, timeoutMs);
  if (problem !== undefined) return { problem: `${program} ${problem}` };
  if (exitCode !== 0) {
    if (output.trim() === notFound) return {};
    return { problem: `${program} failed with ${exitCode}; try it: echo ${serverUrl} | ${program} get` };
  }
  const answer = answerSchema.safeParse(parseJson(output));
  if (!answer.success) return { problem: `${program} gives no user and secret` };
  const { Username: username, Secret: secret } = answer.data;
  return username === '<token>'
    ? { auth: { kind: 'identity-token', token: secret } }
    : { auth: { kind: 'password', username, password: secret } };
}

interface HelperEnd {
  readonly problem?: string;
  /** Or the signal that ended it. */
  readonly exitCode: number | string;
}

async function run(
  program: string,
  input: string,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<HelperEnd & { readonly output: string }> {
  signal.throwIfAborted();
  const child = spawn(program, ['get'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH, HOME: homedir() },
    // A group of its own, so that what it starts ends with it.
    detached: true,
  });
  const ended = Promise.withResolvers<HelperEnd>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = (problem: string) => {
    if (child.pid !== undefined) killGroup(child.pid);
    child.stdout.destroy();
    ended.resolve({ problem, exitCode: 'a signal' });
  };
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) end(`answers more than ${maxAnswerBytes} bytes`);
    else chunks.push(chunk);
  });
  child.once('error', ({ message }) => ended.resolve({ problem: `cannot be run: ${message}`, exitCode: '' }));
  child.once('close', (code, by) => ended.resolve({ exitCode: code ?? by ?? 'a signal' }));
  // A helper may end before it has read all.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const timer = setTimeout(() => end(`gives no answer within ${timeoutMs} ms`), timeoutMs);
  const stop = () => end('was given up');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const result = await ended.promise;
    signal.throwIfAborted();
    return { ...result, output: Buffer.concat(chunks).toString('utf8') };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
