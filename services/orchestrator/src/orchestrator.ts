import { createClient } from '@connectrpc/connect';
import { createBusTransport } from '@protect/bus/transport';
import { ControlService } from '@protect/proto/control';
import { HealthService } from '@protect/proto/health';
import type { RunningService, ServiceContext } from '@protect/service/run';
import { watchHealth } from './health-watch.ts';
import { parseListenAddress } from './listen-address.ts';
import { createMetrics } from './metrics.ts';
import { serveMetrics } from './metrics-server.ts';
import { watchZones } from './zone-watch.ts';

export const orchestratorFlags = {
  'metrics-http-listen-addr': { type: 'string', default: '127.0.0.1:3035' },
} as const;

const callTimeoutMs = 5_000;

/** Builds protect-orchestrator: follows zones and the services' health, and shows both as metrics. */
export async function startOrchestrator(context: ServiceContext): Promise<RunningService> {
  const { bus, logger, flags, background } = context;
  const address = parseListenAddress(String(flags['metrics-http-listen-addr']));
  const stop = new AbortController();
  await using undo = new AsyncDisposableStack();
  undo.defer(() => stop.abort());

  const metrics = createMetrics();
  undo.use(await serveMetrics(address, () => metrics.render()));

  const control = createClient(
    ControlService,
    createBusTransport(bus, 'daemon', { defaultTimeoutMs: callTimeoutMs }),
  );
  const zones = watchZones({ control, logger, signal: stop.signal, onCounts: metrics.setZones });
  background('watch zones', zones.ended);

  const health = watchHealth({
    signal: stop.signal,
    onResult: metrics.countHealthCheck,
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
