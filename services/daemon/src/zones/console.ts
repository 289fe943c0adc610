import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from 'pino';
import type { Domain } from '../hypervisor/hypervisor.ts';
import { ConsoleLog } from './console-log.ts';

const retryMs = 500;

/** One zone's console: everything it prints goes to its log, from which all readers are served. */
export interface ZoneConsole {
  readonly log: ConsoleLog;
  /** Types on the console; UNAVAILABLE while it is not connected. */
  write(data: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Connects to the console of a machine and stays connected while the machine lives. */
export async function followConsole(
  domain: Pick<Domain, 'zoneId' | 'openConsole' | 'ended'>,
  path: string,
  logger: Logger,
): Promise<ZoneConsole> {
  const log = await ConsoleLog.open(path);
  const stop = new AbortController();
  let stream: Duplex | undefined;

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        stream = await domain.openConsole(stop.signal);
        // Awaiting each write lets a zone that floods its console wait.
        for await (const data of stream) await log.append(data);
      } catch (error) {
        if (!stop.signal.aborted) logger.debug({ err: error, zone: domain.zoneId }, 'console interrupted');
      } finally {
        stream?.destroy();
        stream = undefined;
      }
      await delay(retryMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
    log.close();
  }

  const running = run();
  void domain.ended.then(async () => {
    // What the machine printed last is still on its way.
    await delay(retryMs);
    stop.abort();
    stream?.destroy();
  });

  return {
    log,
    async write(data) {
      if (stream === undefined) {
        throw new ConnectError(`the console of zone ${domain.zoneId} is not connected`, Code.Unavailable);
      }
      const target = stream;
      await new Promise<void>((resolve, reject) => {
        target.write(data, (error) => (error == null ? resolve() : reject(error)));
      });
    },
    async close() {
      stop.abort();
      stream?.destroy();
      await running;
    },
  };
}
