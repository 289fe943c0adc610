import type { TestStack } from '../system/stack.ts';
import type { ChaosImages } from './chaos-images.ts';
import type { WorkloadSlot, ZoneSlot } from './plan.ts';
import type { Signs } from './signs.ts';
import type { StateDisk } from './state-disk.ts';

/** A zone that the daemon has acknowledged. */
export interface KnownZone {
  readonly id: string;
  /** Process id of its hypervisor, which never changes; undefined before it is ready. */
  readonly domid: number | undefined;
}

/** A workload that counts. */
export interface KnownWorkload {
  readonly id: string;
  readonly zoneId: string;
  /** How far its output was when it was read last: never less from then on. */
  lines: number;
}

/** What a chaos run works with, and what has been acknowledged to it. */
export interface World {
  readonly stack: TestStack;
  readonly disk: StateDisk;
  readonly images: ChaosImages;
  readonly signs: Signs;
  readonly zones: Map<ZoneSlot, KnownZone>;
  readonly workloads: Map<WorkloadSlot, KnownWorkload>;
  /** Zones and workloads that were seen to be gone: they never come back. */
  readonly ended: Set<string>;
}

/** How long anything may take before it counts as hanging, ms. */
export const hangMs = 90_000;
