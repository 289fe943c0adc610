import type { Logger } from 'pino';
import { toError } from './errors.ts';
import { runTool } from './run-tool.ts';

const timeoutMs = 5_000;

/** Tells systemd that the service is ready; does nothing outside a unit of Type=notify. */
export function notifyReady(logger: Pick<Logger, 'warn'>): Promise<void> {
  return notify('READY=1', logger);
}

export function notifyStopping(logger: Pick<Logger, 'warn'>): Promise<void> {
  return notify('STOPPING=1', logger);
}

// Node has no unix datagram sockets, hence systemd's own tool.
async function notify(what: string, logger: Pick<Logger, 'warn'>): Promise<void> {
  const socket = process.env.NOTIFY_SOCKET;
  if (socket === undefined) return;
  try {
    // It says so in our name (--pid), so it need not stay until systemd has looked who it is (--no-block);
    // older releases have no --stopping.
    await runTool('systemd-notify', ['--no-block', `--pid=${process.pid}`, what], {
      timeoutMs,
      env: { NOTIFY_SOCKET: socket },
    });
  } catch (error) {
    logger.warn({ err: toError(error) }, 'systemd was not told');
  }
}
