import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { StatePaths } from '@protect/config/paths';

export interface NatsServerProcess {
  readonly pid: number;
  /** Ends it in order (SIGTERM), or kills it after `killAfterMs`; settles when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface StartNatsServerOptions {
  readonly signal?: AbortSignal;
  /** Every line of its log. */
  readonly onLine?: (line: string) => void;
  readonly readyTimeoutMs?: number;
}

const natsServerFile = '/usr/sbin/nats-server';
const killAfterMs = 5_000;
const tailLines = 10;

/** Starts nats-server on the prepared configuration; settles when it takes connections. */
export async function startNatsServer(
  paths: StatePaths,
  { signal, onLine, readyTimeoutMs = 10_000 }: StartNatsServerOptions = {},
): Promise<NatsServerProcess> {
  signal?.throwIfAborted();
  const child = spawn(natsServerFile, ['--config', paths.natsServerConfig], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin' },
  });
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  const { promise: gone, resolve: isGone } = Promise.withResolvers<void>();
  const tail: string[] = [];
  createInterface(child.stderr).on('line', (line) => {
    tail.push(line);
    if (tail.length > tailLines) tail.shift();
    onLine?.(line);
    if (line.includes('Server is ready')) resolve();
  });
  child.once('error', (cause) => {
    isGone();
    reject(
      new Error(`${natsServerFile} cannot be started; is the package nats-server installed?`, { cause }),
    );
  });
  child.once('close', (code, by) => {
    isGone();
    reject(new Error(`nats-server ended (${by ?? `exit ${code}`}):\n${tail.join('\n')}`));
  });
  const onAbort = () => reject(signal?.reason);
  signal?.addEventListener('abort', onAbort, { once: true });
  const late = setTimeout(
    () => reject(new Error(`nats-server is not ready after ${readyTimeoutMs} ms:\n${tail.join('\n')}`)),
    readyTimeoutMs,
  );

  const stop = async (by: NodeJS.Signals = 'SIGTERM') => {
    child.kill(by);
    const kill = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    await gone;
    clearTimeout(kill);
  };
  try {
    await ready;
  } catch (error) {
    await stop('SIGKILL');
    throw error;
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', onAbort);
  }
  if (child.pid === undefined) throw new Error('nats-server has no process id');
  return { pid: child.pid, stop };
}
