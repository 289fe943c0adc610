import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { logEnd, logTail, waitForLine } from './log-file.ts';
import {
  endProcess,
  identifyProcess,
  isAlive,
  killProcess,
  type ProcessId,
  signalProcess,
} from './process-id.ts';

/** How to start one long-lived process of the stack. */
export interface HostProcessSpec {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly logPath: string;
  /** Whether this line of its log says that it is ready. */
  readonly isReadyLine: (line: string) => boolean;
}

/** A process of the stack: it outlives us, so its output goes to a file, and it is known by its id. */
export interface HostProcess {
  readonly name: string;
  readonly logPath: string;
  /** Changes with each restart. */
  readonly id: ProcessId;
  readonly startedInMs: number;
  alive(): boolean;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL; settles when it has gone. */
  kill9(): Promise<void>;
  /** Starts it again (after ending it when it lives); settles when it is ready. */
  restart(): Promise<void>;
  /** SIGTERM and, after the grace, SIGKILL. Tells which was needed. */
  end(graceMs?: number): Promise<'gone' | 'ended' | 'killed'>;
}

/** How long a process may take from its start to its ready line. */
const readyDeadlineMs = 30_000;
/** What a service promises for its ordered shutdown, and a little more. */
const shutdownGraceMs = 12_000;

/** Starts the process; settles once it is ready. Its log's tail is in the error when it is not. */
export async function startHostProcess(
  spec: HostProcessSpec,
  options: { signal?: AbortSignal; onStart?: (id: ProcessId) => void } = {},
): Promise<HostProcess> {
  let current = await launch(spec, options.signal, options.onStart);
  return {
    name: spec.name,
    logPath: spec.logPath,
    get id() {
      return current.id;
    },
    get startedInMs() {
      return current.startedInMs;
    },
    alive: () => isAlive(current.id),
    signal: (signal) => void signalProcess(current.id, signal),
    kill9: () => killProcess(current.id),
    end: (graceMs = shutdownGraceMs) => endProcess(current.id, graceMs),
    async restart() {
      await endProcess(current.id, shutdownGraceMs);
      current = await launch(spec, undefined, options.onStart);
    },
  };
}

async function launch(
  spec: HostProcessSpec,
  signal: AbortSignal | undefined,
  onStart: ((id: ProcessId) => void) | undefined,
): Promise<{ id: ProcessId; startedInMs: number }> {
  mkdirSync(dirname(spec.logPath), { recursive: true });
  const log = openSync(spec.logPath, 'a', 0o600);
  const from = logEnd(spec.logPath);
  const startedAt = performance.now();
  // Detached: a Ctrl-C in the terminal must reach us alone, so that services end in order.
  const child = spawn(spec.file, spec.args, {
    detached: true,
    stdio: ['ignore', log, log],
    ...(spec.env ? { env: spec.env } : {}),
  });
  closeSync(log);
  const ended = new AbortController();
  child.once('error', (error) => ended.abort(new Error(`${spec.name} cannot be started: ${error.message}`)));
  child.once('exit', (code, by) =>
    ended.abort(new Error(`${spec.name} ended with ${by ?? `exit code ${code}`} before it was ready`)),
  );
  const id = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (id) onStart?.(id);
  try {
    const deadline = AbortSignal.timeout(readyDeadlineMs);
    await waitForLine(
      spec.logPath,
      from,
      spec.isReadyLine,
      AbortSignal.any([ended.signal, deadline, ...(signal ? [signal] : [])]),
    );
    child.unref();
    if (!id) throw new Error(`${spec.name} ended at once`);
    return { id, startedInMs: performance.now() - startedAt };
  } catch (error) {
    if (id) await endProcess(id, 2_000);
    if (signal?.aborted) throw error;
    const reason =
      error instanceof Error && error.name === 'TimeoutError'
        ? `not ready after ${readyDeadlineMs / 1000} s`
        : String(error instanceof Error ? error.message : error);
    throw new Error(`${spec.name}: ${reason}. End of ${spec.logPath}:\n${logTail(spec.logPath, 20)}`, {
      cause: error,
    });
  }
}
