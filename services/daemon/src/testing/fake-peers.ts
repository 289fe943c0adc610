import { create } from '@bufbuild/protobuf';
import {
  AttachInterfaceResponseSchema,
  GetHostAddressesResponseSchema,
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

/** Storage and network that keep what they hold in memory and can be told to fail. */
export function fakePeers() {
  const held = { storage: new Set<string>(), network: new Set<string>(), disks: new Set<string>() };
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
    async prepareZone({ zoneId = '' }) {
      note('network.prepareZone');
      held.network.add(zoneId);
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
      return create(NetworkReleaseZoneResponseSchema);
    },
    async getHostAddresses() {
      note('network.getHostAddresses');
      return create(GetHostAddressesResponseSchema, { hostIpv4: '10.75.0.2/16' });
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
