import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks from boot to the process' start, from /proc/<pid>/stat. */
  readonly startTime: string;
}

/** How often a process that is no child of ours is looked at while waiting for its end. */
const lookEveryMs = 20;

/** Who process `pid` is now; undefined when there is none, or only its zombie. */
export function identifyProcess(pid: number): ProcessId | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name, in parentheses, may itself hold blanks and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTime] = [fields[0], fields[19]];
    return startTime === undefined || state === 'Z' || state === 'X' ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

export function isAlive(process: ProcessId): boolean {
  return identifyProcess(process.pid)?.startTime === process.startTime;
}

/** Sends `signal` when it is still the same process; false when it has gone. */
export function signalProcess(target: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** True once the process has gone, false when it lives after `deadlineMs`. */
export async function waitForEnd(target: ProcessId, deadlineMs: number): Promise<boolean> {
  const until = performance.now() + deadlineMs;
  while (isAlive(target)) {
    if (performance.now() > until) return false;
    await delay(lookEveryMs);
  }
  return true;
}

/** SIGTERM, and SIGKILL for what is still there after `graceMs`. Settles when the process has gone. */
export async function endProcess(target: ProcessId, graceMs: number): Promise<'gone' | 'ended' | 'killed'> {
  if (!signalProcess(target, 'SIGTERM')) return 'gone';
  if (await waitForEnd(target, graceMs)) return 'ended';
  await killProcess(target);
  return 'killed';
}

/** SIGKILL; settles when the process has gone. */
export async function killProcess(target: ProcessId): Promise<void> {
  signalProcess(target, 'SIGKILL');
  if (!(await waitForEnd(target, 10_000))) {
    throw new Error(
      `process ${target.pid} does not end on SIGKILL: it hangs in the kernel (see /proc/${target.pid}/stack)`,
    );
  }
}
