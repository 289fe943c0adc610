import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceName, type StatePaths, statePaths } from '@protect/config/paths';
import { type Bus, connectBus } from '../src/connection.ts';
import type { Logger } from '../src/logger.ts';
import { prepareNatsServer } from '../src/server-config.ts';
import { type NatsServerProcess, startNatsServer } from '../src/server-process.ts';

/** What a test would look into a log for. */
export interface Line {
  readonly level: keyof Logger;
  readonly fields: object;
  readonly message: string;
}

/** A real nats-server on a state folder of its own, and connections to it. */
export interface Stand extends AsyncDisposable {
  readonly paths: StatePaths;
  readonly lines: readonly Line[];
  connect(service: ServiceName): Promise<Bus>;
  stopServer(signal?: NodeJS.Signals): Promise<void>;
  startServer(): Promise<void>;
  readonly server: NatsServerProcess;
}

export async function openStand(): Promise<Stand> {
  await using undo = new AsyncDisposableStack();
  const root = undo.adopt(await mkdtemp(join(tmpdir(), 'protect-bus-')), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  const paths = statePaths(root);
  await prepareNatsServer(paths);
  let server = await startNatsServer(paths);
  undo.defer(() => server.stop('SIGKILL'));
  const lines: Line[] = [];
  const log = (level: keyof Logger) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };
  const keep = undo.move();
  return {
    paths,
    lines,
    get server() {
      return server;
    },
    async connect(service) {
      return keep.adopt(
        await connectBus(paths, service, { signal: AbortSignal.timeout(10_000), logger }),
        (bus) => bus.close(),
      );
    },
    stopServer: (signal) => server.stop(signal),
    async startServer() {
      server = await startNatsServer(paths);
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}
