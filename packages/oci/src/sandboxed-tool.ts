import { spawn } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ImageError } from './image-error.ts';
import { type SandboxOptions, sandboxed } from './sandbox.ts';

/** Bytes of a tool's standard error that are kept for the error message. */
const keptErrorBytes = 4096;

/**
 * Runs a tool in the sandbox, feeding it `input` and handing its standard output to `output`. Throws what broke the
 * input or output when that came first, else an error with the end of the tool's own messages. The tool is killed
 * when `signal` aborts or `timeoutMs` passes.
 */
export async function runSandboxed(
  tool: readonly string[],
  options: SandboxOptions & {
    readonly stdin?: AsyncIterable<Uint8Array>;
    readonly stdout?: Writable;
    readonly signal: AbortSignal;
    readonly timeoutMs: number;
  },
): Promise<void> {
  const [file, ...args] = sandboxed(tool, options);
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  signal.throwIfAborted();
  const child = spawn(file, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {},
    detached: true,
  });
  let ended = false;
  const kill = () => {
    if (!ended && child.pid !== undefined) killGroup(child.pid);
  };
  signal.addEventListener('abort', kill, { once: true });
  let messages = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    messages = (messages + text).slice(-keptErrorBytes);
  });
  const exit = new Promise<string | undefined>((resolve, reject) => {
    child.once('error', (cause: Error) =>
      reject(new Error(`${file} cannot be started: ${cause.message}`, { cause })),
    );
    child.once('exit', () => {
      ended = true;
    });
    child.once('close', (code, by) => resolve(code === 0 ? undefined : (by ?? `exit status ${code}`)));
  });
  let sourceError: { readonly error: unknown } | undefined;
  const feed = async () => {
    const source = options.stdin ?? [];
    try {
      await pipeline(Readable.from(source, { objectMode: false }), child.stdin, { signal });
    } catch (error) {
      // A tool that ends early closes its input; its own message says more than the broken pipe.
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') {
        sourceError ??= { error };
        kill();
      }
    }
  };
  const collect = async () => {
    const sink = options.stdout ?? new Writable({ write: (_chunk, _encoding, done) => done() });
    try {
      await pipeline(child.stdout, sink, { signal });
    } catch (error) {
      sourceError ??= { error };
      kill();
    }
  };
  try {
    const [failure] = await Promise.all([exit, feed(), collect()]);
    signal.throwIfAborted();
    if (sourceError !== undefined) throw sourceError.error;
    if (failure !== undefined) {
      throw new ImageError(
        'broken',
        `${tool[0]} ended with ${failure}: ${messages.trim() || 'it said nothing'}`,
      );
    }
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
  }
}

/**
 * Ends bwrap together with its child, which has the tool's descriptors: killed alone and early, bwrap leaves the child
 * behind before that has asked to die with it.
 */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
