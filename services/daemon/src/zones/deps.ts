import type { DaemonConfig } from '@protect/config/daemon-config';
import type { StatePaths } from '@protect/config/paths';
import type { Logger } from 'pino';
import type { Domain, Hypervisor } from '../hypervisor/hypervisor.ts';
import type { IdmLink, IdmLinkOptions } from '../idm/link.ts';
import type { NetworkClient, StorageClient } from '../peers/peer-clients.ts';
import type { FolderRecords } from '../state/folder-records.ts';
import type { State } from '../state/state.ts';
import type { ImageLookup } from '../workloads/deps.ts';
import type { Workloads } from '../workloads/workloads.ts';
import type { BootImages } from './boot-images.ts';
import type { Resizer } from './resizer.ts';

/** What zones need of the rest of the daemon. */
export interface ZoneDeps {
  readonly state: State;
  readonly records: FolderRecords;
  readonly paths: StatePaths;
  readonly config: DaemonConfig;
  readonly hypervisor: Hypervisor;
  readonly storage: StorageClient;
  readonly network: NetworkClient;
  readonly bootImages: BootImages;
  readonly images: ImageLookup;
  readonly logger: Logger;
  readonly resizer: Pick<Resizer, 'keep'>;
  readonly openLink: (domain: Domain, events: Pick<IdmLinkOptions, 'onEvent'>) => IdmLink;
  readonly background: (name: string, work: Promise<unknown>) => void;
}

/** What zones tell to workloads. */
export type ZoneWorkloads = Pick<Workloads, 'onZoneEvent' | 'zoneEnded' | 'zoneDestroying' | 'zoneGone'>;
