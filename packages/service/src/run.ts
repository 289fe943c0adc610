import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { type Bus, connectBus } from '@protect/bus/connection';
import { announce } from '@protect/bus/presence';
import { serveOnBus } from '@protect/bus/serve';
import { defaultStateDir, type ServiceName, type StatePaths, statePaths } from '@protect/config/paths';
import { type Logger, pino } from 'pino';
import { type Background, createBackground } from './background.ts';
import { ConfigurationError, isConfigurationError, toError } from './errors.ts';
import { watchEventLoopDelay } from './event-loop-delay.ts';
import { type Check, healthRoutes } from './health.ts';
import { logDestination } from './log-destination.ts';
import { notifyReady, notifyStopping } from './notify.ts';
import { version } from './version.ts';

/** sysexits' EX_CONFIG: units do not restart a service that ends with it. */
export const configurationExitCode = 78;

/** From SIGTERM to the end, whatever hangs. */
const shutdownLimitMs = 10_000;

/** What the command line of a service says. */
export interface ServiceOptions {
  readonly paths: StatePaths;
  /** Value of `--netns`, for the services that take it. */
  readonly netns: string | undefined;
  /** Values of the service's own flags. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
}

/** What a service gets to work with. */
export interface ServiceContext extends ServiceOptions {
  readonly logger: Logger;
  readonly bus: Bus;
  readonly background: Background;
  /** Aborted when the service is to stop, also while it still starts. */
  readonly signal: AbortSignal;
}

/** A service at work. Disposing of it stops taking requests, ends those under way and frees all it holds. */
export interface RunningService extends AsyncDisposable {
  /** What must be so for the service to do its work; asked often, answered at once. */
  checks(): readonly Check[];
}

/** Builds the service once NATS is there. */
export type StartService = (context: ServiceContext) => Promise<RunningService>;

export interface ServiceDefinition {
  readonly name: ServiceName;
  /** Flags besides --state and --netns, as for node:util's parseArgs. */
  readonly flags?: ParseArgsOptionsConfig;
  /** Starts the service, or reads what that takes before NATS is waited for: a mistake there is told at once. */
  readonly start: StartService | { readonly configure: (options: ServiceOptions) => Promise<StartService> };
}

/**
 * The life of a service's process: flags, logs, NATS, start, readiness, signals, shutdown. Ends the process:
 * 0 after a signal, 78 for a configuration that cannot work, 1 for everything else.
 */
export async function runService(definition: ServiceDefinition): Promise<void> {
  const logger = pino(
    { name: `protect-${definition.name}`, base: { name: `protect-${definition.name}`, pid: process.pid } },
    logDestination(1),
  );
  const stop = new AbortController();
  const fail = (thrown: unknown, message: string): never => {
    logger.fatal({ err: toError(thrown) }, message);
    process.exit(1);
  };
  process.on('unhandledRejection', (reason) => fail(reason, 'unhandled rejection'));
  process.on('uncaughtException', (error) => fail(error, 'uncaught exception'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stop.signal.aborted) return;
      logger.info({ signal }, 'stopping');
      setTimeout(
        () => fail(new Error(`not stopped after ${shutdownLimitMs} ms`), 'shutdown took too long'),
        shutdownLimitMs,
      ).unref();
      stop.abort(new Error(`stopped by ${signal}`));
    });
  }

  try {
    await live(definition, logger, stop.signal);
  } catch (error) {
    if (isConfigurationError(error)) {
      logger.fatal({ err: error }, 'the configuration cannot work');
      process.stderr.write(`protect-${definition.name}: the configuration cannot work:\n${error.message}\n`);
      process.exit(configurationExitCode);
    }
    if (!stop.signal.aborted) fail(error, 'the service failed');
    // What waits for something when the signal comes rejects with its reason: that is in order.
    if (error !== stop.signal.reason) logger.warn({ err: error }, 'not all was stopped in order');
  }
  logger.info({}, 'stopped');
  process.exit(0);
}

async function live(definition: ServiceDefinition, logger: Logger, signal: AbortSignal): Promise<void> {
  const options = readFlags(definition);
  const { paths } = options;
  mkdirSync(paths.root, { recursive: true, mode: 0o711 });
  const start =
    typeof definition.start === 'function' ? definition.start : await definition.start.configure(options);
  await using held = new AsyncDisposableStack();
  const eventLoopDelay = held.use(watchEventLoopDelay());
  const bus = await connectBus(paths, definition.name, { signal, logger });
  held.defer(() => bus.close());
  const background = createBackground(logger);

  let service: RunningService | undefined;
  const checks = () => [
    {
      name: 'nats',
      ok: bus.connected,
      message: bus.connected ? '' : 'no connection to nats-server; it comes back by itself',
    },
    ...(service?.checks() ?? [{ name: 'started', ok: false, message: 'still starting' }]),
  ];
  held.use(await serveOnBus(bus, healthRoutes({ version, eventLoopDelay, checks }), { version }));

  service = held.use(await start({ ...options, logger, bus, background, signal }));
  held.defer(announce(bus, { instance: randomUUID(), version }));
  await notifyReady(logger);
  logger.info({ version, startMs: Math.round(performance.now()) }, 'ready');

  await Promise.race([
    aborted(signal),
    bus.closed.then(() => Promise.reject(new Error('the connection to nats-server is closed for good'))),
  ]);
  await notifyStopping(logger);
}

function readFlags(definition: ServiceDefinition): ServiceOptions {
  const options = {
    state: { type: 'string', default: defaultStateDir },
    netns: { type: 'string' },
    ...definition.flags,
  } as const satisfies ParseArgsOptionsConfig;
  try {
    const { values } = parseArgs({ options, strict: true, allowPositionals: false });
    const { state, netns, ...flags } = values as Record<string, string | boolean | undefined>;
    const root = typeof state === 'string' ? state : defaultStateDir;
    return {
      paths: statePaths(isAbsolute(root) ? root : resolve(root)),
      netns: typeof netns === 'string' ? netns : undefined,
      flags,
    };
  } catch (error) {
    throw new ConfigurationError(`protect-${definition.name}: ${toError(error).message}`, { cause: error });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
