import { spawn } from 'node:child_process';
import { Code, ConnectError } from '@connectrpc/connect';
import { toolPath } from '@protect/service/run-tool';
import { settledWithin, withDeadline } from '../deadline.ts';
import { tailOf } from '../output-tail.ts';
import { identifyProcess, isRunning, type ProcessIdentity } from '../process-identity.ts';
import type { XenTools } from './dom0.ts';
import { xlError } from './xl.ts';

/** Milliseconds for the whole of `xl create`, of which building the domain is most. */
const createDeadlineMs = 120_000;

/** Milliseconds for a killed `xl create` to be gone; a hypercall under way ends first. */
const killDeadlineMs = 30_000;

/** How `xl create` is run. */
export interface CreateOptions {
  readonly tools: Pick<XenTools, 'xl' | 'setpriv'>;
  readonly configPath: string;
  /** Begins the error. */
  readonly failure: string;
  /** Writes down who creates the domain, so that a later daemon can end it. */
  readonly onStarted: (creator: ProcessIdentity) => Promise<void>;
}

/**
 * Creates a domain, which runs as soon as it is whole. When it fails or is canceled nothing creates any more, and what
 * there is of the domain is the caller's to remove.
 */
export async function createDomain(options: CreateOptions, signal: AbortSignal): Promise<void> {
  const { tools, configPath, failure, onStarted } = options;
  signal.throwIfAborted();
  // A daemon that is killed leaves no half-made domain that goes on to become a whole one.
  const guarded = ['--pdeathsig', 'KILL', '--', tools.xl, 'create', '-q', '-e', configPath];
  const child = spawn(tools.setpriv, guarded, {
    // A group of its own, which holds the hot-plug scripts too.
    detached: true,
    env: { PATH: toolPath, LC_ALL: 'C.UTF-8' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = tailOf(child.stderr);
  const ended = new Promise<{ readonly ok: boolean; readonly error?: Error }>((resolve) => {
    child.once('error', (error) => resolve({ ok: false, error }));
    child.once('close', (code) => resolve({ ok: code === 0 }));
  });
  const creator = child.pid === undefined ? undefined : identifyProcess(child.pid);
  try {
    if (creator !== undefined) await onStarted(creator);
    const { ok, error } = await withDeadline(ended, 'to create a domain', createDeadlineMs, signal);
    if (!ok) throw error ?? xlError(failure, said());
  } catch (error) {
    if (creator !== undefined) await endCreator(creator);
    await settledWithin(ended, killDeadlineMs);
    throw error;
  }
}

/** Ends an `xl create` and its hot-plug scripts, whoever started it; settles when it is gone. */
export async function endCreator(creator: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + killDeadlineMs;
  while (isRunning(creator)) {
    killGroup(creator.pid);
    if (performance.now() > deadline) {
      throw new ConnectError(`xl create (process ${creator.pid}) does not end`, Code.DeadlineExceeded);
    }
    // There is no event for the end of a process that is not our child.
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    // Gone between the look and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
