import type { LimitsConfig } from '@protect/config/daemon-config';
import type { WorkloadId, ZoneId } from '@protect/config/ids';
import type { StatePaths } from '@protect/config/paths';
import type { PackedImage } from '@protect/oci/image-cache';
import type { Logger } from 'pino';
import type { Domain } from '../hypervisor/hypervisor.ts';
import type { IdmConnection } from '../idm/connection.ts';
import type { StorageClient } from '../peers/peer-clients.ts';
import type { FolderRecords } from '../state/folder-records.ts';
import type { ImageSpec } from '../state/image-spec.ts';
import type { State } from '../state/state.ts';
import type { ZoneRecord } from '../state/zone-record.ts';

/** A zone that takes workloads now. */
export interface ReadyZone {
  readonly record: ZoneRecord;
  readonly domain: Domain;
  /** The zone's channel, waiting for it when it is being opened anew. */
  connection(signal: AbortSignal): Promise<IdmConnection>;
}

/** What workloads need of zones. */
export interface ZoneAccess {
  /** The zone once it is ready. NOT_FOUND, or FAILED_PRECONDITION when it never will be. */
  whenReady(id: ZoneId, signal: AbortSignal): Promise<ReadyZone>;
  /** The zone when its machine runs now. */
  running(id: ZoneId): ReadyZone | undefined;
  /** Has a zone whose memory follows its use grow before a workload starts in it. */
  makeRoom(id: ZoneId, signal: AbortSignal): Promise<void>;
}

/** What workloads need of the image store. */
export interface ImageLookup {
  /** NOT_FOUND when the store does not hold it. */
  find(spec: ImageSpec): Promise<PackedImage>;
}

export interface WorkloadDeps {
  readonly state: State;
  readonly records: Pick<FolderRecords, 'forget'>;
  readonly paths: StatePaths;
  readonly zones: ZoneAccess;
  readonly storage: StorageClient;
  readonly images: ImageLookup;
  readonly limits: Pick<LimitsConfig, 'workloads' | 'workloadsPerZone' | 'workloadLogMib'>;
  readonly logger: Logger;
  readonly background: (name: string, work: Promise<unknown>) => void;
}

/** Serial of the disk with a workload's image. */
export function workloadDiskSerial(id: WorkloadId): string {
  return `w-${id.replaceAll('-', '').slice(0, 12)}`;
}
