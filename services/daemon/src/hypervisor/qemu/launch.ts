import { type ChildProcess, spawn } from 'node:child_process';
import { Duplex } from 'node:stream';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { settledWithin, withDeadline } from '../deadline.ts';
import { tailOf } from '../output-tail.ts';
import { identifyProcess, kill, type ProcessIdentity } from '../process-identity.ts';

/** Milliseconds from the start of the process until its monitor greets. */
const greetingDeadlineMs = 30_000;

/** Milliseconds in which a process whose connections broke is found to have ended. */
const endGraceMs = 100;

/** Milliseconds for a killed process to be gone. */
const killDeadlineMs = 10_000;

const searchPath = '/usr/sbin:/usr/bin:/sbin:/bin';

/** A QEMU that this process started; it lives on when this process ends. */
export interface LaunchedProcess {
  readonly identity: ProcessIdentity;
  /** Settles with words on how it ended, once it is reaped. */
  readonly exited: Promise<string>;
  /** Settles when QEMU's monitor greets; throws with QEMU's own words when it ended before. */
  greeted(signal: AbortSignal): Promise<void>;
  /** Waits until it is gone; kills it unless it ends by itself, in which case it answers how. */
  end(): Promise<string | undefined>;
}

function describeExit(code: number | null, signal: NodeJS.Signals | null, said: string): string {
  const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
  return said === '' ? `QEMU ${how}` : `QEMU ${how}: ${said}`;
}

async function spawned(child: ChildProcess, program: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => {
      const text = `${program} could not be started: ${error.message}; is QEMU installed?`;
      reject(new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error));
    });
  });
}

/** Starts a detached process in `folder`; descriptor 3 is its boot monitor. */
export async function launch(
  zoneId: ZoneId,
  command: readonly string[],
  folder: string,
): Promise<LaunchedProcess> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: folder,
    detached: true,
    env: { PATH: searchPath, LANG: 'C' },
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  const exit = new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
    child.once('exit', (code, signal) => resolve([code, signal]));
  });
  await spawned(child, program);
  const monitor = child.stdio[3];
  const stderr = child.stderr;
  const identity = child.pid === undefined ? undefined : identifyProcess(child.pid);
  if (!identity || !(monitor instanceof Duplex) || !stderr) {
    child.kill('SIGKILL');
    throw new ConnectError(`the hypervisor of zone ${zoneId} ended at once`, Code.Internal);
  }
  const said = tailOf(stderr);
  // QEMU outlives the daemon: nothing of it may keep the daemon's event loop alive.
  child.unref();
  if ('unref' in stderr && typeof stderr.unref === 'function') stderr.unref();
  monitor.on('error', () => undefined);
  const exited = exit.then(([code, signal]) => describeExit(code, signal, said()));

  return {
    identity,
    exited,
    async greeted(signal) {
      const greeting = new Promise<void>((resolve) => monitor.once('data', () => resolve()));
      const ended = exited.then((how) => {
        throw new ConnectError(how, Code.Internal);
      });
      try {
        await withDeadline(Promise.race([greeting, ended]), 'to start', greetingDeadlineMs, signal);
      } finally {
        ended.catch(() => undefined);
        monitor.destroy();
      }
    },
    async end() {
      const how = await settledWithin(exited, endGraceMs);
      if (how !== undefined) return how;
      kill(identity);
      await withDeadline(exited, 'to end after SIGKILL', killDeadlineMs, new AbortController().signal);
      return undefined;
    },
  };
}
