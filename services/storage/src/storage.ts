import { serveOnBus } from '@protect/bus/serve';
import { openDatabase } from '@protect/service/database';
import type { RunningService, ServiceContext } from '@protect/service/run';
import { version } from '@protect/service/version';
import { storageRoutes } from './rpc/routes.ts';
import { migrations } from './state/migrations.ts';
import { openZoneStore } from './state/zone-store.ts';
import { createZones } from './zones.ts';

/** Builds protect-storage: its records, the zones' disks, and the RPCs on the bus. */
export async function startStorage({ paths, bus, logger }: ServiceContext): Promise<RunningService> {
  await using undo = new AsyncDisposableStack();
  const database = await openDatabase(paths.database('storage'), migrations, { logger });
  undo.defer(() => database.close());
  const zones = createZones({ paths, store: await openZoneStore(database) });
  undo.use(await serveOnBus(bus, storageRoutes(zones), { version }));
  const keep = undo.move();
  return {
    checks() {
      const ok = zones.configured();
      return [{ name: 'configured', ok, message: ok ? '' : 'waits for Configure from protect-daemon' }];
    },
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}
