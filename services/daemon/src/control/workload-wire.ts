import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type IdOrNameValue,
  ProcessNamespace as WireProcessNamespace,
  type ProcessSpec as WireProcessSpec,
  type WorkloadSpec as WireWorkloadSpec,
  type WorkloadSchema,
  type WorkloadSecuritySpec,
  WorkloadState,
} from '@protect/proto/control-common';
import { invalidField } from '../invalid-argument.ts';
import type {
  ProcessNamespace,
  ProcessSpec,
  SecuritySpec,
  WorkloadRecord,
  WorkloadSpec,
} from '../state/workload-record.ts';
import { decodeZoneId } from './decode-id.ts';
import { toDomainImage, toWireImage } from './image-wire.ts';
import { refuseFields } from './refuse-fields.ts';

const states: Record<WorkloadRecord['status']['state'], WorkloadState> = {
  creating: WorkloadState.CREATING,
  created: WorkloadState.CREATED,
  running: WorkloadState.RUNNING,
  completed: WorkloadState.COMPLETED,
  failed: WorkloadState.FAILED,
  destroying: WorkloadState.DESTROYING,
  destroyed: WorkloadState.DESTROYED,
};

const namespaces: Record<ProcessNamespace, WireProcessNamespace> = {
  mount: WireProcessNamespace.MOUNT,
  uts: WireProcessNamespace.UTS,
  ipc: WireProcessNamespace.IPC,
  user: WireProcessNamespace.USER,
  pid: WireProcessNamespace.PID,
  net: WireProcessNamespace.NET,
  cgroup: WireProcessNamespace.CGROUP,
  time: WireProcessNamespace.TIME,
};

/** What the caller asks for. UNIMPLEMENTED names what is not done yet. */
export function toDomainWorkloadSpec(wire: WireWorkloadSpec): WorkloadSpec {
  refuseFields('a workload', {
    mounts: wire.mounts.length > 0,
    block_devices: wire.blockDevices.length > 0,
    pci_devices: wire.pciDevices.length > 0,
    'security.strict_user_namespace': wire.security?.strictUserNamespace ?? false,
  });
  if (wire.image === undefined) {
    throw invalidField('spec.image', 'a workload needs an image; pull one and give its digest');
  }
  return {
    name: wire.name,
    zoneId: decodeZoneId(wire.zoneId, 'spec.zone_id'),
    image: toDomainImage(wire.image, 'spec.image'),
    process: toDomainProcess(wire.process, 'spec.process'),
    annotations: wire.annotations.map(({ key, value }) => ({ key, value })),
    security: toDomainSecurity(wire.security),
    scratchMounts: wire.scratchMount.map(({ path }) => path),
    cgroupLimits: wire.cgroupLimits.map(({ limitName, value }) => ({ name: limitName, value })),
    hostname: wire.hostname,
    ...(wire.oomScoreAdj === undefined ? {} : { oomScoreAdj: wire.oomScoreAdj }),
  };
}

/** A process as the caller describes it in `field`; undefined takes everything from the image. */
export function toDomainProcess(wire: WireProcessSpec | undefined, field: string): ProcessSpec {
  const user = toAccount(wire?.user);
  const group = toAccount(wire?.group);
  const size = wire?.terminalSize;
  return {
    environment: (wire?.environment ?? []).map(({ key, value }) => ({ key, value })),
    command: wire?.command ?? [],
    workingDirectory: wire?.workingDirectory ?? '',
    tty: wire?.tty ?? false,
    ...(size === undefined ? {} : { terminalSize: { rows: size.rows, columns: size.columns } }),
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    stdin: wire?.stdin ?? false,
    additionalGids: (wire?.additionalGids ?? []).map((gid, index) =>
      toGid(gid, `${field}.additional_gids[${index}]`),
    ),
  };
}

/** A workload as callers see it. */
export function toWireWorkload(record: WorkloadRecord): MessageInitShape<typeof WorkloadSchema> {
  const { spec, status } = record;
  return {
    id: record.id,
    spec: {
      name: spec.name,
      zoneId: spec.zoneId,
      image: toWireImage(spec.image),
      process: toWireProcess(spec.process),
      annotations: spec.annotations,
      security: {
        ...spec.security,
        disableNamespaces: spec.security.disableNamespaces.map((name) => namespaces[name]),
      },
      scratchMount: spec.scratchMounts.map((path) => ({ path })),
      cgroupLimits: spec.cgroupLimits.map(({ name, value }) => ({ limitName: name, value })),
      hostname: spec.hostname,
      ...(spec.oomScoreAdj === undefined ? {} : { oomScoreAdj: spec.oomScoreAdj }),
    },
    status: {
      state: states[status.state],
      createdAt: timestampFromMs(record.createdAtMs),
      ...(status.state === 'completed' ? { exitStatus: { code: status.exitCode } } : {}),
      ...(status.state === 'failed' ? { errorStatus: { message: status.message } } : {}),
      ...(status.state === 'completed' && status.oomKilled
        ? { errorStatus: { message: oomText(status) } }
        : {}),
    },
  };
}

/** A workload may live on without the process that was killed, and end in another way. */
function oomText({ signal }: { readonly signal: number }): string {
  const what = signal === 9 ? 'it was' : 'a process of it was';
  return `${what} ended by the out-of-memory killer of the zone’s kernel: raise its limit or the zone’s memory`;
}

function toWireProcess(process: ProcessSpec) {
  return {
    environment: process.environment,
    command: process.command,
    workingDirectory: process.workingDirectory,
    tty: process.tty,
    ...(process.terminalSize === undefined ? {} : { terminalSize: process.terminalSize }),
    ...(process.user === undefined ? {} : { user: toWireAccount(process.user) }),
    ...(process.group === undefined ? {} : { group: toWireAccount(process.group) }),
    stdin: process.stdin,
    stdout: true,
    stderr: true,
    additionalGids: process.additionalGids.map(BigInt),
  };
}

function toDomainSecurity(wire: WorkloadSecuritySpec | undefined): SecuritySpec {
  return {
    strictUserNamespace: wire?.strictUserNamespace ?? false,
    raiseCapabilities: wire?.raiseCapabilities ?? [],
    raiseAmbientCapabilities: wire?.raiseAmbientCapabilities ?? [],
    dropCapabilities: wire?.dropCapabilities ?? [],
    privileged: wire?.privileged ?? false,
    disableAllNamespaces: wire?.disableAllNamespaces ?? false,
    disableNamespaces: (wire?.disableNamespaces ?? []).map((namespace, index) =>
      toNamespace(namespace, `spec.security.disable_namespaces[${index}]`),
    ),
    readOnlyRootfs: wire?.readOnlyRootfs ?? false,
    noNewPrivs: wire?.noNewPrivs ?? false,
  };
}

function toNamespace(wire: WireProcessNamespace, field: string): ProcessNamespace {
  switch (wire) {
    case WireProcessNamespace.MOUNT:
      return 'mount';
    case WireProcessNamespace.UTS:
      return 'uts';
    case WireProcessNamespace.IPC:
      return 'ipc';
    case WireProcessNamespace.USER:
      return 'user';
    case WireProcessNamespace.PID:
      return 'pid';
    case WireProcessNamespace.NET:
      return 'net';
    case WireProcessNamespace.CGROUP:
      return 'cgroup';
    case WireProcessNamespace.TIME:
      return 'time';
    default:
      throw invalidField(field, `${wire} is no namespace`);
  }
}

function toAccount(wire: IdOrNameValue | undefined): { id: number } | { name: string } | undefined {
  const value = wire?.idOrName;
  if (value?.case === 'id') return { id: value.value };
  if (value?.case === 'name') return { name: value.value };
  return undefined;
}

function toWireAccount(account: { id: number } | { name: string }) {
  return 'id' in account
    ? { idOrName: { case: 'id' as const, value: account.id } }
    : { idOrName: { case: 'name' as const, value: account.name } };
}

function toGid(gid: bigint, field: string): number {
  if (gid >= 0n && gid <= 0xffff_fffen) return Number(gid);
  throw invalidField(field, `${gid} is no group id`);
}
