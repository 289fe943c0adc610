import type { ConnectRouter } from '@connectrpc/connect';
import { StorageService } from '@protect/proto/storage';
import type { Zones } from '../zones.ts';
import { configure } from './configure.ts';
import { prepareZone } from './prepare-zone.ts';
import { provideDisk } from './provide-disk.ts';
import { releaseZone } from './release-zone.ts';
import { withdrawDisk } from './withdraw-disk.ts';

/** All that protect-storage answers. */
export function storageRoutes(zones: Zones) {
  return (router: ConnectRouter): void => {
    router.service(StorageService, {
      configure: configure(zones),
      prepareZone: prepareZone(zones),
      provideDisk: provideDisk(zones),
      withdrawDisk: withdrawDisk(zones),
      releaseZone: releaseZone(zones),
    });
  };
}
