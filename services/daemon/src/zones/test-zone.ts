import { newZoneId } from '@protect/config/ids';
import type { ZoneRecord, ZoneSpec } from '../state/zone-record.ts';

/** A specification as a caller that leaves everything open gives it, for tests. */
export function askedZoneSpec(more: Partial<ZoneSpec> = {}): ZoneSpec {
  return {
    name: 'test',
    kernelOptions: {
      verbose: false,
      cmdline: [],
      cmdlineAppend: '',
      modules: [],
      moduleParameters: [],
      sysctls: [],
    },
    resources: {
      maxMemoryMib: 0,
      minMemoryMib: 0,
      targetMemoryMib: 0,
      maxCpus: 0,
      minCpus: 0,
      targetCpus: 0,
      policy: 'unknown',
    },
    annotations: [],
    addons: [],
    devices: [],
    network: { backend: 'default', retainReservation: false },
    virtualization: 'unknown',
    scratch: { kind: 'memory' },
    ...more,
  };
}

/** A zone's record, for tests. */
export function zoneRecordOf(more: Partial<ZoneRecord> = {}): ZoneRecord {
  return {
    version: 1,
    id: newZoneId(),
    spec: askedZoneSpec(),
    status: { state: 'creating' },
    desired: 'ready',
    createdAtMs: 1_000,
    slot: 0,
    revision: 0,
    generation: 1,
    held: true,
    ...more,
  };
}
