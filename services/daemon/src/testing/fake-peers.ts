import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import {
  AttachInterfaceResponseSchema,
  CreateReservationResponseSchema,
  DestroyReservationResponseSchema,
  GetHostAddressesResponseSchema,
  ListReservationsResponseSchema,
  ConfigureResponseSchema as NetworkConfigureResponseSchema,
  PrepareZoneResponseSchema as NetworkPrepareZoneResponseSchema,
  ReleaseZoneResponseSchema as NetworkReleaseZoneResponseSchema,
} from '@protect/proto/network';
import {
  ConfigureResponseSchema,
  PrepareZoneResponseSchema,
  ProvideDiskResponseSchema,
  ReleaseZoneResponseSchema,
  WithdrawDiskResponseSchema,
} from '@protect/proto/storage';
import type { NetworkClient, StorageClient } from '../peers/peer-clients.ts';

const reservationOf = (reservationId: string, zoneId: string) => {
  return { reservationId, zoneId, ipv4: '10.75.0.9/16', gatewayIpv4: '10.75.0.1', kept: true };
};

/** Storage and network that keep what they hold in memory and can be told to fail. */
export function fakePeers() {
  const held = {
    storage: new Set<string>(),
    network: new Set<string>(),
    disks: new Set<string>(),
    /** Those that are kept, with the zone that has them, if any. */
    reservations: new Map<string, string>(),
  };
  const calls: string[] = [];
  let failure: { readonly call: string; readonly error: Error } | undefined;

  function note(call: string): void {
    calls.push(call);
    if (failure?.call === call) throw failure.error;
  }

  const storage: StorageClient = {
    async configure() {
      note('storage.configure');
      return create(ConfigureResponseSchema);
    },
    async prepareZone({ zoneId = '' }) {
      note('storage.prepareZone');
      held.storage.add(zoneId);
      return create(PrepareZoneResponseSchema);
    },
    async provideDisk({ serial = '', readOnly = false }) {
      note('storage.provideDisk');
      held.disks.add(serial);
      return create(ProvideDiskResponseSchema, { disk: { serial, readOnly, path: `/disks/${serial}` } });
    },
    async withdrawDisk({ serial = '' }) {
      note('storage.withdrawDisk');
      held.disks.delete(serial);
      return create(WithdrawDiskResponseSchema);
    },
    async releaseZone({ zoneId = '' }) {
      note('storage.releaseZone');
      held.storage.delete(zoneId);
      held.disks.clear();
      return create(ReleaseZoneResponseSchema);
    },
  };
  const network: NetworkClient = {
    async configure() {
      note('network.configure');
      return create(NetworkConfigureResponseSchema);
    },
    async prepareZone({ zoneId = '', assumeReservationId = '', keepReservation = false }) {
      note('network.prepareZone');
      held.network.add(zoneId);
      const id = assumeReservationId || (keepReservation ? zoneId : '');
      if (id !== '') held.reservations.set(id, zoneId);
      return create(NetworkPrepareZoneResponseSchema, {
        link: {
          hostInterface: 'zt0',
          zoneMac: '02:00:00:00:00:02',
          gatewayMac: '02:00:00:00:00:01',
          ipv4: '10.75.0.5/32',
          ipv6: 'fdd4:1476:6c7e::5/128',
          gatewayIpv4: '10.75.0.1',
          gatewayIpv6: 'fdd4:1476:6c7e::1',
          mtu: 1500,
          nameservers: ['1.1.1.1'],
        },
      });
    },
    async attachInterface({ interface: name = '' }) {
      note(`network.attachInterface ${name}`);
      return create(AttachInterfaceResponseSchema);
    },
    async releaseZone({ zoneId = '' }) {
      note('network.releaseZone');
      held.network.delete(zoneId);
      for (const [id, zone] of held.reservations) if (zone === zoneId) held.reservations.set(id, '');
      return create(NetworkReleaseZoneResponseSchema);
    },
    async getHostAddresses() {
      note('network.getHostAddresses');
      return create(GetHostAddressesResponseSchema, {
        ...{ hostIpv4: '10.75.0.2/16', gatewayIpv4: '10.75.0.1/16', gatewayMac: '02:00:00:00:00:01' },
      });
    },
    async createReservation({ reservationId = '' }) {
      note('network.createReservation');
      held.reservations.set(reservationId, '');
      return create(CreateReservationResponseSchema, { reservation: reservationOf(reservationId, '') });
    },
    async destroyReservation({ reservationId = '' }) {
      note('network.destroyReservation');
      const zoneId = held.reservations.get(reservationId);
      if (zoneId) throw new ConnectError(`it belongs to zone ${zoneId}`, Code.Aborted);
      return create(DestroyReservationResponseSchema, { destroyed: held.reservations.delete(reservationId) });
    },
    async listReservations() {
      note('network.listReservations');
      const reservations = [...held.reservations].map(([id, zoneId]) => reservationOf(id, zoneId));
      return create(ListReservationsResponseSchema, { reservations });
    },
  };
  return {
    storage,
    network,
    held,
    calls,
    failOn: (call: string, error: Error) => {
      failure = { call, error };
    },
  };
}
