import type { Bus } from '@protect/bus/connection';
import { type Served, serveOnBus } from '@protect/bus/serve';
import { DaemonService } from '@protect/proto/daemon';
import type { Logger } from 'pino';
import type { AuditTrail } from './audit/audit-trail.ts';
import { decodeZoneId } from './control/decode-id.ts';
import { errorInterceptor } from './control/interceptor.ts';
import { zoneMetricTree } from './control/metric-nodes.ts';
import type { OutboxPublisher } from './events/outbox-publisher.ts';
import type { WatchHub } from './events/watch-hub.ts';
import type { IdmPublisher } from './idm/publisher.ts';
import type { IdmSnoop } from './idm/snoop.ts';
import type { ZoneMetricsReader } from './metrics/zone-metrics.ts';

interface ServeInternalOptions {
  readonly bus: Bus;
  readonly version: string;
  readonly zoneMetrics: ZoneMetricsReader;
  readonly logger: Logger;
  /** The parts that count what they had to let go. */
  readonly audit: Pick<AuditTrail, 'unpublished'>;
  readonly snoop: Pick<IdmSnoop, 'skipped'>;
  readonly idmPublisher: Pick<IdmPublisher, 'skipped'>;
  readonly publisher: Pick<OutboxPublisher, 'dropped'>;
  readonly watchHub: Pick<WatchHub, 'cut'>;
}

/** Serves what only the other services of this host ask for. */
export async function serveInternal(options: ServeInternalOptions): Promise<Served> {
  const { bus, version, zoneMetrics, logger, audit, snoop, idmPublisher, publisher, watchHub } = options;
  const routes = {
    readCounters: () => ({
      auditRecordsUnpublished: BigInt(audit.unpublished),
      idmPacketsSkippedSnoop: BigInt(snoop.skipped),
      idmPacketsSkippedNats: BigInt(idmPublisher.skipped),
      eventsDropped: BigInt(publisher.dropped),
      eventWatchersCut: BigInt(watchHub.cut),
    }),
    async readZoneUsage({ zoneId }: { zoneId: string }, { signal }: { signal: AbortSignal }) {
      const read = await zoneMetrics.read(decodeZoneId(zoneId), { processes: false }, signal);
      return { root: zoneMetricTree(read) };
    },
  };
  return await serveOnBus(bus, (router) => void router.service(DaemonService, routes), {
    version,
    interceptors: [errorInterceptor(logger)],
  });
}
