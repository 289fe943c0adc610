import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type OciImageSpec,
  ProcessNamespace,
  type ProcessSpecSchema,
  type TerminalSize,
  type WorkloadSpecSchema,
} from '@protect/proto/control-common';
import type { blockDevice, IdOrName, KeyValue } from './arguments.ts';
import type { Cli } from './cli.ts';

/** What `--disable-namespace` takes. */
export const namespaces = {
  mount: ProcessNamespace.MOUNT,
  uts: ProcessNamespace.UTS,
  ipc: ProcessNamespace.IPC,
  user: ProcessNamespace.USER,
  pid: ProcessNamespace.PID,
  net: ProcessNamespace.NET,
  cgroup: ProcessNamespace.CGROUP,
  time: ProcessNamespace.TIME,
};

/** What is asked for of a new workload, as options give it. */
export interface WorkloadOptions {
  readonly name?: string;
  readonly annotation?: readonly KeyValue[];
  readonly env?: readonly KeyValue[];
  readonly workingDirectory?: string;
  readonly user?: { readonly user: IdOrName; readonly group?: IdOrName };
  readonly groupAdd?: readonly number[];
  readonly hostname?: string;
  readonly tty?: boolean;
  readonly attach?: boolean;
  readonly mount?: readonly { readonly hostPath: string; readonly targetPath: string }[];
  readonly mountScratchDisk?: readonly string[];
  readonly blockDevice?: readonly ReturnType<typeof blockDevice>[];
  readonly pciDevice?: readonly string[];
  readonly cgroupLimit?: readonly KeyValue[];
  readonly oomScoreAdj?: number;
  readonly privileged?: boolean;
  readonly readOnly?: boolean;
  readonly newPrivs?: boolean;
  readonly capAdd?: readonly string[];
  readonly capAddAmbient?: readonly string[];
  readonly capDrop?: readonly string[];
  readonly strictUserNamespace?: boolean;
  readonly disableNamespace?: readonly (keyof typeof namespaces)[];
  readonly disableAllNamespaces?: boolean;
}

type WorkloadSpecInit = MessageInitShape<typeof WorkloadSpecSchema>;

/** What the options ask for; everything left out is the image's or the daemon's choice. */
export function workloadSpec(
  cli: Cli,
  target: { readonly zoneId: string; readonly image: OciImageSpec; readonly command: readonly string[] },
  size: Pick<TerminalSize, 'rows' | 'columns'> | undefined,
  options: WorkloadOptions,
): WorkloadSpecInit {
  return {
    name: options.name ?? '',
    zoneId: target.zoneId,
    image: target.image,
    process: processSpec(cli, target.command, size, options),
    annotations: (options.annotation ?? []).map((annotation) => ({ ...annotation })),
    mounts: (options.mount ?? []).map((mount) => ({ ...mount })),
    security: {
      privileged: options.privileged === true,
      readOnlyRootfs: options.readOnly === true,
      noNewPrivs: options.newPrivs === false,
      raiseCapabilities: [...(options.capAdd ?? [])],
      raiseAmbientCapabilities: [...(options.capAddAmbient ?? [])],
      dropCapabilities: [...(options.capDrop ?? [])],
      strictUserNamespace: options.strictUserNamespace === true,
      disableNamespaces: (options.disableNamespace ?? []).map((name) => namespaces[name]),
      disableAllNamespaces: options.disableAllNamespaces === true,
    },
    scratchMount: (options.mountScratchDisk ?? []).map((path) => ({ path })),
    cgroupLimits: (options.cgroupLimit ?? []).map(({ key, value }) => ({ limitName: key, value })),
    hostname: options.hostname ?? '',
    blockDevices: (options.blockDevice ?? []).map(({ devicePath, targetPath, readonly }) => ({
      devicePath,
      targetPath,
      mountOptions: { readonly },
    })),
    pciDevices: (options.pciDevice ?? []).map((location) => ({ location })),
    ...(options.oomScoreAdj === undefined ? {} : { oomScoreAdj: options.oomScoreAdj }),
  };
}

function processSpec(
  cli: Cli,
  command: readonly string[],
  size: Pick<TerminalSize, 'rows' | 'columns'> | undefined,
  options: WorkloadOptions,
): MessageInitShape<typeof ProcessSpecSchema> {
  const tty = options.tty === true;
  const environment = (options.env ?? []).map((variable) => ({ ...variable }));
  const { TERM } = cli.env;
  // Programs on a terminal need to know what it understands.
  if (tty && TERM !== undefined && !environment.some(({ key }) => key === 'TERM')) {
    environment.push({ key: 'TERM', value: TERM });
  }
  return {
    command: [...command],
    environment,
    workingDirectory: options.workingDirectory ?? '',
    tty,
    ...(size === undefined ? {} : { terminalSize: { rows: size.rows, columns: size.columns } }),
    ...options.user,
    additionalGids: (options.groupAdd ?? []).map(BigInt),
    stdin: options.attach === true || tty,
    stdout: true,
    stderr: true,
  };
}
