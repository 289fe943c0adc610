import { toJson } from '@bufbuild/protobuf';
import {
  type Workload,
  WorkloadSchema,
  WorkloadState,
  WorkloadStateSchema,
} from '@protect/proto/control-common';
import type { Listing } from './output-format.ts';
import { shortName } from './short-name.ts';
import type { Cell } from './table.ts';

/** How workloads are listed; `zoneNames` gives zones by id, where they have a name. */
export function workloadListing(zoneNames: ReadonlyMap<string, string>): Listing<Workload> {
  const zone = (id: string) => zoneNames.get(id) || id;
  return {
    json: (workload) => toJson(WorkloadSchema, workload),
    header: ['name', 'uuid', 'zone', 'state'],
    row: ({ id, spec, status }) => [
      { text: spec?.name ?? '' },
      { text: id },
      { text: zone(spec?.zoneId ?? '') },
      stateCell(status?.state ?? WorkloadState.UNKNOWN),
    ],
    simple: ({ id, spec, status }) => [
      id,
      shortName(WorkloadStateSchema, status?.state ?? WorkloadState.UNKNOWN),
      spec?.name ?? '',
      spec?.zoneId ?? '',
    ],
    empty: 'no workloads have been launched',
  };
}

function stateCell(state: WorkloadState): Cell {
  const text = shortName(WorkloadStateSchema, state);
  switch (state) {
    case WorkloadState.DESTROYED:
    case WorkloadState.FAILED:
      return { text, colour: 'red' };
    case WorkloadState.CREATING:
    case WorkloadState.DESTROYING:
    case WorkloadState.COMPLETED:
      return { text, colour: 'yellow' };
    case WorkloadState.CREATED:
    case WorkloadState.RUNNING:
      return { text, colour: 'green' };
    default:
      return { text };
  }
}
