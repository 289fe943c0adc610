import { type CgroupLimit, checkCgroupLimit } from './cgroup-limits.ts';
import { ImageError } from './image-error.ts';
import {
  buildProcess,
  type NamespaceName,
  type ProcessContext,
  type ProcessRequest,
  type SecurityRequest,
} from './process-spec.ts';
import { seccompProfile } from './seccomp-profile.ts';

export interface RuntimeSpecRequest extends ProcessContext {
  /** Names the container, its cgroup and the folder with its hosts file. */
  readonly workloadId: string;
  readonly process: ProcessRequest;
  /** -1000 to 1000. */
  readonly oomScoreAdj?: number | undefined;
  readonly cgroupLimits?: readonly CgroupLimit[];
  /** Folders or files of the zone to show inside. */
  readonly binds?: readonly {
    readonly source: string;
    readonly destination: string;
    readonly readOnly?: boolean;
  }[];
}

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** The network is the zone's, shared by its workloads; user namespaces are not made yet. */
const namespaces: readonly NamespaceName[] = ['pid', 'mount', 'uts', 'ipc', 'cgroup'];

/** Docker's lists: what a process must not see or change of the zone's kernel. */
const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** The OCI runtime configuration (config.json) of a workload, for crun inside the zone; `root.path` is `rootfs`. */
export function buildRuntimeSpec(request: RuntimeSpecRequest): string {
  const { security, image } = request;
  const given = request.process.command ?? [];
  const command = given.length > 0 ? given : image.command;
  const args = [...image.entrypoint, ...command];
  const process = buildProcess(args.length > 0 ? args : ['/bin/sh'], request.process, request);
  const privileged = security.privileged ?? false;
  const own = ownNamespaces(security);
  return JSON.stringify({
    ociVersion: '1.0.2',
    process: { ...process, oomScoreAdj: checkOomScore(request.oomScoreAdj ?? 0) },
    root: { path: 'rootfs', readonly: security.readOnlyRootFilesystem ?? false },
    ...(own.includes('uts') ? { hostname: request.hostname } : {}),
    mounts: [...systemMounts(privileged), ...fileMounts(request), ...bindMounts(request)],
    linux: {
      namespaces: own.map((type) => ({ type })),
      cgroupsPath: `/protect/${request.workloadId}`,
      resources: {
        devices: [{ allow: privileged, access: 'rwm' }],
        unified: cgroupLimits(request.cgroupLimits ?? []),
      },
      maskedPaths: privileged ? [] : maskedPaths,
      readonlyPaths: privileged ? [] : readonlyPaths,
      ...(privileged ? {} : { seccomp: seccompProfile(process.capabilities.effective) }),
    },
  });
}

/**
 * The OCI process object (process.json) of a further command in a running workload. Environment, user and rights are
 * those of the workload unless `exec` says otherwise; the command is `exec.command`, which must not be empty.
 */
export function buildExecProcess(workload: RuntimeSpecRequest, exec: ProcessRequest): string {
  const base = workload.process;
  const sameUser = exec.user === undefined && exec.group === undefined;
  const merged: ProcessRequest = {
    terminal: exec.terminal,
    environment: [...(base.environment ?? []), ...(exec.environment ?? [])],
    workingDirectory: exec.workingDirectory || base.workingDirectory || '',
    user: sameUser ? base.user : exec.user,
    group: sameUser ? base.group : exec.group,
    additionalGids: exec.additionalGids?.length ? exec.additionalGids : (base.additionalGids ?? []),
  };
  const command = exec.command ?? [];
  if (command.length === 0)
    throw new ImageError('invalid', 'no command was given to execute in the workload');
  return JSON.stringify(buildProcess(command, merged, workload));
}

function systemMounts(privileged: boolean): Mount[] {
  const quiet = ['nosuid', 'noexec', 'nodev'];
  const access = privileged ? 'rw' : 'ro';
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: quiet },
    privileged
      ? { destination: '/dev', type: 'devtmpfs', source: 'devtmpfs', options: ['nosuid'] }
      : {
          destination: '/dev',
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
        },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...quiet, 'mode=1777', 'size=65536k'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: quiet },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...quiet, access] },
    {
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [...quiet, 'relatime', access],
    },
  ];
}

/**
 * Files that the zone writes for the workload over the image's own. Its workloads share the resolver's, so that none may
 * write it; the others are of this workload alone, and can be written where the root can.
 */
function fileMounts({ workloadId, security }: RuntimeSpecRequest): Mount[] {
  const folder = `/run/protect/workloads/${workloadId}`;
  const access = security.readOnlyRootFilesystem ? 'ro' : 'rw';
  const bind = (source: string, destination: string, options: string): Mount => {
    return { destination, type: 'bind', source, options: ['bind', 'rprivate', options] };
  };
  return [
    bind('/run/protect/resolv.conf', '/etc/resolv.conf', 'ro'),
    bind(`${folder}/hosts`, '/etc/hosts', access),
    bind(`${folder}/hostname`, '/etc/hostname', access),
  ];
}

function bindMounts({ binds = [] }: RuntimeSpecRequest): Mount[] {
  return binds.map(({ source, destination, readOnly }) => {
    if (!destination.startsWith('/')) {
      throw new ImageError('invalid', `the mount target ${JSON.stringify(destination)} is not absolute`);
    }
    return { destination, type: 'bind', source, options: ['rbind', 'rprivate', readOnly ? 'ro' : 'rw'] };
  });
}

function ownNamespaces(security: SecurityRequest): NamespaceName[] {
  if (security.strictUserNamespace) {
    throw new ImageError('unsupported', 'a user namespace of its own cannot be given to a workload yet');
  }
  const shared = security.disabledNamespaces ?? [];
  if (shared.includes('mount')) {
    throw new ImageError(
      'unsupported',
      'a workload has its own root filesystem, so its mount namespace cannot be disabled',
    );
  }
  return namespaces.filter(
    (name) => name === 'mount' || !(security.disableAllNamespaces || shared.includes(name)),
  );
}

function cgroupLimits(limits: readonly CgroupLimit[]): Record<string, string> {
  for (const limit of limits) checkCgroupLimit(limit);
  return Object.fromEntries(limits.map(({ name, value }) => [name, value]));
}

function checkOomScore(score: number): number {
  if (Number.isInteger(score) && score >= -1000 && score <= 1000) return score;
  throw new ImageError('invalid', `the OOM score adjustment ${score} is not between -1000 and 1000`);
}
