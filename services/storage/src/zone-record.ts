import type { ZoneId } from '@protect/config/ids';

/** Serial of the scratch disk; no other disk may have it. */
export const scratchSerial = 'scratch';

/** Where a disk's content comes from, as the daemon asked for it. */
export type DiskSource =
  | { readonly kind: 'image'; readonly path: string }
  /** An entry of [block.devices]. */
  | { readonly kind: 'named'; readonly name: string }
  | { readonly kind: 'device'; readonly path: string };

/** What a scratch disk is made of, as the daemon asked for it. */
export type ScratchSource =
  | { readonly kind: 'file'; readonly sizeBytes: bigint }
  | { readonly kind: 'named'; readonly name: string };

export interface DiskRecord {
  readonly serial: string;
  readonly readOnly: boolean;
  readonly source: DiskSource;
  /** `major:minor` of the host's device; undefined for files. */
  readonly device: string | undefined;
}

/** All that this service holds, or is about to make, for one zone. */
export interface ZoneRecord {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  /** User and group of the hypervisor process. */
  readonly uid: number;
  readonly scratch: ScratchSource | undefined;
  /** `major:minor` of the scratch disk when it is a device of the host. */
  readonly scratchDevice: string | undefined;
  readonly disks: ReadonlyMap<string, DiskRecord>;
}

/** The service's part of daemon.toml. */
export interface Configuration {
  readonly revision: bigint;
  /** Paths by name, from [block.devices]. */
  readonly blockDevices: ReadonlyMap<string, string>;
}

/** A zone that the daemon wants to keep. */
export interface RetainedZone {
  readonly zoneId: ZoneId;
  readonly generation: bigint;
  readonly serials: ReadonlySet<string>;
}

/** A disk as the hypervisor opens it. */
export interface ProvidedDisk {
  readonly serial: string;
  readonly path: string;
  readonly sizeBytes: bigint;
  readonly readOnly: boolean;
  /** The image, the scratch file or the host's device. */
  readonly origin: string;
}
