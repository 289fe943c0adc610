import type { Check } from './check.ts';
import { acceleration } from './checks/acceleration.ts';
import { addressRanges } from './checks/address-ranges.ts';
import { controlGroups } from './checks/control-groups.ts';
import { daemonToml } from './checks/daemon-toml.ts';
import { diskSpace } from './checks/disk-space.ts';
import { hypervisor } from './checks/hypervisor.ts';
import { ipv6 } from './checks/ipv6.ts';
import { loop } from './checks/loop.ts';
import { memory } from './checks/memory.ts';
import { nats } from './checks/nats.ts';
import { networkNamespaces } from './checks/network-namespaces.ts';
import { nftables } from './checks/nftables.ts';
import { serviceHealth } from './checks/service-health.ts';
import { sockets } from './checks/sockets.ts';
import { stateFolder } from './checks/state-folder.ts';
import { tools } from './checks/tools.ts';
import { tun } from './checks/tun.ts';
import { units } from './checks/units.ts';
import { zoneKernel } from './checks/zone-kernel.ts';

/** Everything that is looked at, in the order in which it is shown: the host first, then what runs on it. */
export const checks: readonly Check[] = [
  memory,
  diskSpace,
  stateFolder,
  hypervisor,
  acceleration,
  networkNamespaces,
  tun,
  loop,
  nftables,
  ipv6,
  controlGroups,
  tools,
  daemonToml,
  addressRanges,
  zoneKernel,
  nats,
  units,
  serviceHealth,
  sockets,
];
