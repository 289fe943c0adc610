import type { ConnectRouter } from '@connectrpc/connect';
import { serveOnBus } from '@protect/bus/serve';
import { StorageService } from '@protect/proto/storage';
import { openDatabase } from '@protect/service/database';
import type { Service, ServiceContext } from '@protect/service/run';
import { configure } from './rpc/configure.ts';
import { prepareZone } from './rpc/prepare-zone.ts';
import { provideDisk } from './rpc/provide-disk.ts';
import { releaseZone } from './rpc/release-zone.ts';
import { withdrawDisk } from './rpc/withdraw-disk.ts';
import { migrations } from './state/migrations.ts';
import { openZoneStore } from './state/zone-store.ts';
import { createZones } from './zones.ts';

/** Builds protect-storage: its records, the zones' disks, and the RPCs on the bus. */
export async function startStorage({ paths, bus, logger }: ServiceContext): Promise<Service> {
  await using undo = new AsyncDisposableStack();
  const database = await openDatabase(paths.database('storage'), migrations, { logger });
  undo.defer(() => database.close());
  const zones = createZones({ paths, store: await openZoneStore(database) });
  undo.use(
    await serveOnBus(bus, (router: ConnectRouter) => {
      router.service(StorageService, {
        configure: configure(zones),
        prepareZone: prepareZone(zones),
        provideDisk: provideDisk(zones),
        withdrawDisk: withdrawDisk(zones),
        releaseZone: releaseZone(zones),
      });
    }),
  );
  const keep = undo.move();
  return {
    checks: [{ name: 'configured', check: () => (zones.configured() ? undefined : 'waits for Configure') }],
    [Symbol.asyncDispose]: () => keep.disposeAsync(),
  };
}
