import { spawn } from 'node:child_process';
import { access, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import type { Logger } from 'pino';
import { z } from 'zod';

/** Milliseconds in which a zone kernel must have come up under KVM; an honest KVM needs a tenth. */
const bootDeadlineMs = 5_000;

const recordSchema = z.object({ key: z.string(), acceleration: z.enum(['kvm', 'tcg']) });

export interface ProbeOptions {
  /** The zone kernel to boot. */
  readonly kernelPath: string;
  /** File that keeps the answer; it is asked again when the host's kernel, QEMU or the zone kernel change. */
  readonly recordPath: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Default /usr/bin/qemu-system-x86_64. */
  readonly binary?: string;
  /** Default /dev/kvm. */
  readonly device?: string;
}

async function recorded(path: string, key: string): Promise<'kvm' | 'tcg' | undefined> {
  try {
    const record = recordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return record.key === key ? record.acceleration : undefined;
  } catch {
    // No record, or one of another release: probing again is always right.
    return undefined;
  }
}

/** True when the kernel ran into its panic for want of a root, and so restarted the machine: it works. */
function bootsUnderKvm(binary: string, kernelPath: string, signal: AbortSignal): Promise<boolean> {
  const args = [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-machine', 'q35', '-m', '128M'],
    ...['-accel', 'kvm', '-cpu', 'host', '-kernel', kernelPath, '-append', 'quiet panic=-1 reboot=t'],
    ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
  ];
  const ending = AbortSignal.any([signal, AbortSignal.timeout(bootDeadlineMs)]);
  return new Promise((resolve) => {
    const child = spawn(binary, args, { stdio: 'ignore', env: {}, signal: ending, killSignal: 'SIGKILL' });
    child.on('error', () => undefined);
    child.on('close', (code) => resolve(code === 0));
    // A process that hangs within KVM may not end at once even when killed; the answer is known all the same.
    ending.addEventListener('abort', () => resolve(false), { once: true });
  });
}

/**
 * KVM when a zone kernel really boots under it on this host, otherwise emulation: the device alone
 * proves nothing. The answer is kept in `recordPath`.
 */
export async function probeAcceleration(options: ProbeOptions): Promise<'kvm' | 'tcg'> {
  const { kernelPath, recordPath, logger, signal } = options;
  const binary = options.binary ?? '/usr/bin/qemu-system-x86_64';
  try {
    await access(options.device ?? '/dev/kvm');
  } catch {
    return 'tcg';
  }
  const [kernel, qemu] = await Promise.all([stat(kernelPath), stat(binary)]);
  const key = [release(), qemu.mtimeMs, kernel.size].join(' ');
  const known = await recorded(recordPath, key);
  if (known) return known;
  const acceleration = (await bootsUnderKvm(binary, kernelPath, signal)) ? 'kvm' : 'tcg';
  signal.throwIfAborted();
  await writeFile(`${recordPath}.new`, `${JSON.stringify({ key, acceleration })}\n`, { mode: 0o600 });
  await rename(`${recordPath}.new`, recordPath);
  logger.info({ acceleration }, 'tried the host for hardware virtualisation');
  return acceleration;
}
