import type { Logger } from 'pino';
import { toError } from './errors.ts';
import { runTool } from './run-tool.ts';

const timeoutMs = 5_000;

/** Tells systemd that the service is ready; does nothing outside a unit of Type=notify. */
export function notifyReady(logger: Pick<Logger, 'warn'>): Promise<void> {
  return notify('--ready', logger);
}

export function notifyStopping(logger: Pick<Logger, 'warn'>): Promise<void> {
  return notify('--stopping', logger);
}

// Node has no unix datagram sockets, hence systemd's own tool.
async function notify(what: string, logger: Pick<Logger, 'warn'>): Promise<void> {
  const socket = process.env.NOTIFY_SOCKET;
  if (socket === undefined) return;
  try {
    await runTool('systemd-notify', [what, `--pid=${process.pid}`], {
      timeoutMs,
      env: { NOTIFY_SOCKET: socket },
    });
  } catch (error) {
    logger.warn({ err: toError(error) }, 'systemd was not told');
  }
}
