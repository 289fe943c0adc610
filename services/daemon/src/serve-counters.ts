import type { Bus } from '@protect/bus/connection';
import { type Served, serveOnBus } from '@protect/bus/serve';
import { DaemonService } from '@protect/proto/daemon';
import type { AuditTrail } from './audit/audit-trail.ts';
import type { OutboxPublisher } from './events/outbox-publisher.ts';
import type { WatchHub } from './events/watch-hub.ts';
import type { IdmPublisher } from './idm/publisher.ts';
import type { IdmSnoop } from './idm/snoop.ts';

/** The parts that count what they had to let go. */
interface Counted {
  readonly audit: Pick<AuditTrail, 'unpublished'>;
  readonly snoop: Pick<IdmSnoop, 'skipped'>;
  readonly idmPublisher: Pick<IdmPublisher, 'skipped'>;
  readonly publisher: Pick<OutboxPublisher, 'dropped'>;
  readonly watchHub: Pick<WatchHub, 'cut'>;
}

/** Tells other services what the daemon has counted since its start. */
export async function serveCounters(bus: Bus, version: string, counted: Counted): Promise<Served> {
  const { audit, snoop, idmPublisher, publisher, watchHub } = counted;
  const routes = {
    readCounters: () => ({
      auditRecordsUnpublished: BigInt(audit.unpublished),
      idmPacketsSkippedSnoop: BigInt(snoop.skipped),
      idmPacketsSkippedNats: BigInt(idmPublisher.skipped),
      eventsDropped: BigInt(publisher.dropped),
      eventWatchersCut: BigInt(watchHub.cut),
    }),
  };
  return await serveOnBus(bus, (router) => void router.service(DaemonService, routes), { version });
}
