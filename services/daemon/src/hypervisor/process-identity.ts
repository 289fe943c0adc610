import { readFileSync } from 'node:fs';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the host's boot and the process's start (field 22 of /proc/PID/stat). */
  readonly startTime: string;
  /** The host's boot. */
  readonly bootId: string;
}

/** The host's random id of this boot. */
export function hostBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readStat(pid: number): { state: string; startTime: string } | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  // The command's name is in parentheses and may contain anything, so fields count from the last one.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  return state === undefined || startTime === undefined ? undefined : { state, startTime };
}

/** The identity of a living process; undefined when there is none. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime, bootId: hostBootId() };
}

/** True while exactly this process runs; a process that only waits to be reaped does not. */
export function isRunning(identity: ProcessIdentity): boolean {
  const stat = readStat(identity.pid);
  if (!stat || stat.startTime !== identity.startTime || identity.bootId !== hostBootId()) return false;
  return stat.state !== 'Z' && stat.state !== 'X';
}

/** Kills exactly this process; nothing happens when it is gone. */
export function kill(identity: ProcessIdentity): void {
  if (!isRunning(identity)) return;
  try {
    process.kill(identity.pid, 'SIGKILL');
  } catch (error) {
    // Gone between the look and the signal.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
