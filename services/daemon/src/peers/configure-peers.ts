import type { MessageInitShape } from '@bufbuild/protobuf';
import type { DaemonConfig } from '@protect/config/daemon-config';
import type { ConfigureRequestSchema as NetworkConfigureSchema } from '@protect/proto/network';
import type { ConfigureRequestSchema as StorageConfigureSchema } from '@protect/proto/storage';
import type { State } from '../state/state.ts';
import type { ZoneRecord } from '../state/zone-record.ts';
import { workloadDiskSerial } from '../workloads/deps.ts';
import { addonSerial, kernelAddonsSerial } from '../zones/addons.ts';

/** Serials of the zone's own disks; each zone keeps those it has. */
const zoneDiskSerials = [kernelAddonsSerial, 'scratch'];

/** Zones that may have something on the host. */
function retainedZones(state: State): ZoneRecord[] {
  return state.zones.all().filter(({ held }) => held);
}

/** The storage service's part of the configuration and all that it shall keep. */
export function storageConfiguration(
  config: DaemonConfig,
  state: State,
  revision: bigint,
): MessageInitShape<typeof StorageConfigureSchema> {
  return {
    revision,
    blockDevices: Object.entries(config.block.devices).map(([name, { path }]) => ({ name, path })),
    zones: retainedZones(state).map((zone) => ({
      zoneId: zone.id,
      generation: BigInt(zone.generation),
      diskSerials: [
        ...zoneDiskSerials,
        ...zone.spec.addons.map((_, index) => addonSerial(index)),
        ...state.workloadsOf(zone.id).map(({ id }) => workloadDiskSerial(id)),
      ],
    })),
  };
}

/** The network service's part of the configuration and all that it shall keep. */
export function networkConfiguration(
  config: DaemonConfig,
  state: State,
  revision: bigint,
): MessageInitShape<typeof NetworkConfigureSchema> {
  return {
    revision,
    ipv4Subnet: config.network.ipv4.subnet,
    ipv6Subnet: config.network.ipv6.subnet,
    nameservers: [...config.network.nameservers],
    zones: retainedZones(state).map((zone) => ({
      zoneId: zone.id,
      generation: BigInt(zone.generation),
    })),
  };
}
