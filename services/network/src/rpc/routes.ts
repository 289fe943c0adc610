import type { ConnectRouter } from '@connectrpc/connect';
import { NetworkService } from '@protect/proto/network';
import type { Namespace } from '../namespace.ts';
import type { Zones } from '../zones.ts';
import { attachInterface } from './attach-interface.ts';
import { configure } from './configure.ts';
import { createReservation } from './create-reservation.ts';
import { destroyReservation } from './destroy-reservation.ts';
import { getHostAddresses } from './get-host-addresses.ts';
import { listReservations } from './list-reservations.ts';
import { prepareZone } from './prepare-zone.ts';
import { releaseZone } from './release-zone.ts';

/** All that protect-network answers. */
export function networkRoutes(zones: Zones, namespace: Pick<Namespace, 'path'>) {
  return (router: ConnectRouter): void => {
    router.service(NetworkService, {
      configure: configure(zones),
      prepareZone: prepareZone(zones, namespace),
      attachInterface: attachInterface(zones),
      releaseZone: releaseZone(zones),
      getHostAddresses: getHostAddresses(zones),
      createReservation: createReservation(zones),
      destroyReservation: destroyReservation(zones),
      listReservations: listReservations(zones),
    });
  };
}
