import type { Dom0Connection } from './connection.ts';

/** Five services start at once on two emulated processors, which a busy machine gives little time. */
const startDeadlineMs = 600_000;

/** Starts nats-server and the five services; settles when all say that they are ready. */
export async function startServices(dom0: Dom0Connection, signal: AbortSignal): Promise<void> {
  await dom0.output(['systemctl', 'start', 'protect.target'], { timeoutMs: startDeadlineMs, signal });
}
