import { createClient } from '@connectrpc/connect';
import { createBusTransport } from '@protect/bus/transport';
import { ControlService } from '@protect/proto/control';
import { DaemonService } from '@protect/proto/daemon';
import { HealthService } from '@protect/proto/health';
import type { RunningService, ServiceContext } from '@protect/service/run';
import { watchHealth } from './health-watch.ts';
import { readHostUsage } from './host-usage.ts';
import { parseListenAddress } from './listen-address.ts';
import { serveMetrics } from './metrics-server.ts';
import { renderResourceMetrics } from './resource-metrics.ts';
import { createSystemMetrics } from './system-metrics.ts';
import { createZoneReadings } from './zone-readings.ts';
import { createZoneTable } from './zone-table.ts';
import { watchZones } from './zone-watch.ts';

export const orchestratorFlags = {
  'metrics-http-listen-addr': { type: 'string', default: '127.0.0.1:3035' },
} as const;

const callTimeoutMs = 5_000;

/** How long the daemon may take to tell its counters; a scrape waits for it. */
const countersTimeoutMs = 2_000;

/** Builds protect-orchestrator: follows zones and the services' health, and shows both as metrics. */
export async function startOrchestrator(context: ServiceContext): Promise<RunningService> {
  const { bus, logger, flags, background } = context;
  const address = parseListenAddress(String(flags['metrics-http-listen-addr']));
  const stop = new AbortController();
  await using undo = new AsyncDisposableStack();
  undo.defer(() => stop.abort());

  const toDaemon = createBusTransport(bus, 'daemon', { defaultTimeoutMs: callTimeoutMs });
  const control = createClient(ControlService, toDaemon);
  const daemon = createClient(DaemonService, toDaemon);
  const table = createZoneTable();
  const system = await createSystemMetrics({
    bus,
    zones: table.zones,
    readHost: readHostUsage,
    readCounters: () =>
      daemon.readCounters({}, { timeoutMs: countersTimeoutMs, signal: stop.signal }).catch(() => undefined),
  });
  undo.defer(bus.onReconnect(system.countReconnect));
  const readZones = createZoneReadings({ daemon, zones: table.zones, signal: stop.signal });
  undo.use(
    await serveMetrics(address, {
      '/metrics': system.render,
      '/metrics/resource': async () => renderResourceMetrics(await readZones()),
    }),
  );

  const zones = watchZones({ control, logger, signal: stop.signal, table });
  background('watch zones', zones.ended);

  const health = watchHealth({
    signal: stop.signal,
    onResult: system.countHealthCheck,
    ask: (service, signal) =>
      createClient(
        HealthService,
        createBusTransport(bus, service, { defaultTimeoutMs: callTimeoutMs }),
      ).check({}, { signal }),
  });
  background('watch health', health.ended);

  const keep = undo.move();
  return {
    checks: () => [
      {
        name: 'zones',
        ok: zones.following(),
        message: zones.following() ? '' : 'does not follow the daemon; it tries again by itself',
      },
    ],
    async [Symbol.asyncDispose]() {
      await keep.disposeAsync();
      await Promise.all([zones.ended, health.ended]);
    },
  };
}
