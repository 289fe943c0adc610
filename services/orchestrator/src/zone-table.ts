import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Zone, ZoneState } from '@protect/proto/control-common';

/** States as they are shown, without prefix and in lower case. */
export const zoneStateNames = [
  'creating',
  'created',
  'ready',
  'exited',
  'destroying',
  'destroyed',
  'failed',
] as const;

export type ZoneStateName = (typeof zoneStateNames)[number];

const names: Partial<Record<ZoneState, ZoneStateName>> = {
  [ZoneState.CREATING]: 'creating',
  [ZoneState.CREATED]: 'created',
  [ZoneState.READY]: 'ready',
  [ZoneState.EXITED]: 'exited',
  [ZoneState.DESTROYING]: 'destroying',
  [ZoneState.DESTROYED]: 'destroyed',
  [ZoneState.FAILED]: 'failed',
};

/** Annotations by which a zone says whose pod it is. */
const namespaceKey = 'io.kubernetes.pod.namespace';
const podKey = 'io.kubernetes.pod.name';

/** Characters of a label; Kubernetes' own names have no more. */
const labelMax = 253;

/** What metrics tell of a zone without asking it. */
export interface KnownZone {
  readonly id: string;
  readonly state: ZoneStateName;
  readonly createdAtMs: number | undefined;
  /** Undefined until it was ready. */
  readonly readyAtMs: number | undefined;
  /** Empty for a zone that is no pod. */
  readonly namespace: string;
  readonly pod: string;
}

/** Zones by id, kept from whole objects: a list first, then each change. */
export interface ZoneTable {
  replace(zones: Iterable<Zone>): void;
  change(zone: Zone): void;
  /** Forgets everything until the next list: nothing is better than what was. */
  forget(): void;
  /** Undefined while they are not known. */
  zones(): readonly KnownZone[] | undefined;
}

export function createZoneTable(): ZoneTable {
  let known: Map<string, KnownZone> | undefined;

  function change(zone: Zone): void {
    const state = names[zone.status?.state ?? ZoneState.UNKNOWN];
    // A destroyed zone is gone; nothing is told of it again.
    if (state === undefined || state === 'destroyed') known?.delete(zone.id);
    else known?.set(zone.id, knownZone(zone, state));
  }

  return {
    replace(zones) {
      known = new Map();
      for (const zone of zones) change(zone);
    },
    change,
    forget() {
      known = undefined;
    },
    zones: () => known && [...known.values()],
  };
}

function knownZone(zone: Zone, state: ZoneStateName): KnownZone {
  const annotation = (wanted: string) =>
    (zone.spec?.annotations.find(({ key }) => key === wanted)?.value ?? '').slice(0, labelMax);
  const { createdAt, readyAt } = zone.status ?? {};
  return {
    id: zone.id,
    state,
    createdAtMs: createdAt && timestampMs(createdAt),
    readyAtMs: readyAt && timestampMs(readyAt),
    namespace: annotation(namespaceKey),
    pod: annotation(podKey),
  };
}
