import { randomBytes } from 'node:crypto';
import { serveOnBus } from '@protect/bus/serve';
import { openDatabase } from '@protect/service/database';
import type { RunningService, ServiceContext } from '@protect/service/run';
import { version } from '@protect/service/version';
import { createKernelLinks } from './links/kernel-links.ts';
import { openNamespace } from './namespace.ts';
import { createPacketFilter } from './policy/packet-filter.ts';
import { networkRoutes } from './rpc/routes.ts';
import { migrations } from './state/migrations.ts';
import { openReservationStore } from './state/reservation-store.ts';
import { createZones } from './zones.ts';

/** How long start-up may take to bring the kernel in line with the records. */
const resumeTimeoutMs = 30_000;

/** Builds protect-network: its records, the links and policy in its namespace, and the RPCs on the bus. */
export async function startNetwork({ paths, netns, bus, logger }: ServiceContext): Promise<RunningService> {
  await using undo = new AsyncDisposableStack();
  const namespace = await openNamespace(netns);
  const database = await openDatabase(paths.database('network'), migrations, { logger });
  undo.defer(() => database.close());
  const zones = createZones({
    store: await openReservationStore(database, () => randomBytes(6)),
    namespace,
    links: createKernelLinks(namespace),
    filter: createPacketFilter(namespace),
  });
  await zones.resume(AbortSignal.timeout(resumeTimeoutMs));
  undo.use(await serveOnBus(bus, networkRoutes(zones, namespace), { version }));
  const keep = undo.move();
  return {
    checks() {
      const ok = zones.configured();
      return [{ name: 'configured', ok, message: ok ? '' : 'waits for Configure from protect-daemon' }];
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}
