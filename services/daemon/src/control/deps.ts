import type { ServiceImpl } from '@connectrpc/connect';
import type { DaemonConfig } from '@protect/config/daemon-config';
import type { StatePaths } from '@protect/config/paths';
import type { ImageStore } from '@protect/oci/pull';
import type { ControlService } from '@protect/proto/control';
import type { Logger } from 'pino';
import type { WatchHub } from '../events/watch-hub.ts';
import type { HostStatus } from '../host/host-status.ts';
import type { HostProcessors } from '../host/processors.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import type { IdmSnoop } from '../idm/snoop.ts';
import type { ZoneMetricsReader } from '../metrics/zone-metrics.ts';
import type { NetworkClient } from '../peers/peer-clients.ts';
import type { State } from '../state/state.ts';
import type { ImageLookup } from '../workloads/deps.ts';
import type { Workloads } from '../workloads/workloads.ts';
import type { ZoneSupervisor } from '../zones/supervisor.ts';
import type { Zones } from '../zones/zones.ts';

/** What the control API is made of. */
export interface ControlDeps {
  readonly state: State;
  readonly paths: StatePaths;
  readonly config: DaemonConfig;
  readonly hostUuid: string;
  readonly hostStatus: HostStatus;
  readonly hypervisor: Pick<Hypervisor, 'readConsole' | 'debugInfo'>;
  readonly processors: HostProcessors;
  readonly zones: Zones;
  readonly supervisor: ZoneSupervisor;
  readonly zoneMetrics: ZoneMetricsReader;
  readonly network: NetworkClient;
  readonly workloads: Workloads;
  readonly imageStore: ImageStore;
  readonly images: ImageLookup;
  readonly snoop: IdmSnoop;
  readonly watchHub: WatchHub;
  readonly logger: Logger;
  readonly background: (name: string, work: Promise<unknown>) => void;
}

/** All methods of the control API. */
export type ControlMethods = ServiceImpl<typeof ControlService>;
