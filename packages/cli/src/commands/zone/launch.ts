import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  OciImageFormat,
  ZoneNetworkBackend,
  ZoneResourceAdjustmentPolicy,
  type ZoneSpecSchema,
  ZoneVirtualizationBackend,
} from '@protect/proto/control-common';
import { Command, Option } from 'commander';
import { collect, countUpTo, positive } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { usageError } from '../../command-error.ts';
import { attachZone } from '../../follow-console.ts';
import { pullImage } from '../../pull-image.ts';
import { waitUntilReady } from '../../wait-for-zone.ts';
import { write } from '../../write.ts';

const maxCpus = 1024;
const maxMib = 2 ** 32;

const virtualizations = {
  auto: ZoneVirtualizationBackend.AUTOMATIC,
  pv: ZoneVirtualizationBackend.PV,
  pvh: ZoneVirtualizationBackend.PVH,
};
const networks = {
  default: ZoneNetworkBackend.DEFAULT,
  none: ZoneNetworkBackend.NONE,
  external: ZoneNetworkBackend.EXTERNAL,
  passthrough: ZoneNetworkBackend.PASSTHROUGH,
};
const policies = {
  static: ZoneResourceAdjustmentPolicy.STATIC,
  dynamic: ZoneResourceAdjustmentPolicy.DYNAMIC,
};

interface Options {
  readonly name?: string;
  readonly minCpus?: number;
  readonly maxCpus?: number;
  readonly targetCpus?: number;
  readonly minMemory?: number;
  readonly maxMemory?: number;
  readonly targetMemory?: number;
  readonly resourceAdjustmentPolicy?: keyof typeof policies;
  readonly kernel?: string;
  readonly kernelVariant?: string;
  readonly initrd?: string;
  readonly kernelVerbose?: boolean;
  readonly kernelCmdlineAppend?: string;
  readonly device?: readonly string[];
  readonly virtBackend?: keyof typeof virtualizations;
  readonly networkBackend?: keyof typeof networks;
  readonly createScratchDisk?: number;
  readonly attachScratchDisk?: string;
  readonly pullOverwriteCache?: boolean;
  readonly pullUpdate?: boolean;
  readonly wait?: boolean;
  readonly attach?: boolean;
}

/** `protect zone launch`: creates a zone and prints its UUID. */
export function command(cli: Cli): Command {
  return new Command('launch')
    .description('create a zone and print its UUID')
    .option('-n, --name <name>', 'a name; several zones may share one')
    .option('--min-cpus <n>', 'fewest CPUs it may shrink to', positive(maxCpus))
    .option('-C, --max-cpus <n>', 'most CPUs it may grow to', positive(maxCpus))
    .option('-c, --target-cpus <n>', 'CPUs it starts with', positive(maxCpus))
    .option('--min-memory <mib>', 'least memory it may shrink to, MiB', positive(maxMib))
    .option('-M, --max-memory <mib>', 'most memory it may grow to, MiB', positive(maxMib))
    .option('-m, --target-memory <mib>', 'memory it starts with, MiB', positive(maxMib))
    .addOption(
      new Option('--resource-adjustment-policy <policy>', 'whether memory follows its use').choices(
        Object.keys(policies),
      ),
    )
    .option('-k, --kernel <image>', 'zone kernel image instead of the default')
    .option('--kernel-variant <name>', 'zone kernel named in daemon.toml')
    .option('-I, --initrd <image>', 'ramdisk image instead of the default')
    .option('--kernel-verbose', 'let the kernel print all its messages')
    .option('--kernel-cmdline-append <text>', 'more for the kernel command line')
    .option('-D, --device <name>', 'PCI device named in daemon.toml (repeatable)', collect(String))
    .addOption(
      new Option('-V, --virt-backend <backend>', 'kind of virtual machine').choices(
        Object.keys(virtualizations),
      ),
    )
    .addOption(
      new Option('--network-backend <backend>', 'who wires its network').choices(Object.keys(networks)),
    )
    .addOption(
      new Option('--create-scratch-disk <mib>', 'disk for what its workloads write, MiB')
        .argParser(countUpTo(maxMib))
        .conflicts('attachScratchDisk'),
    )
    .option('--attach-scratch-disk <name>', 'block device named in daemon.toml; formatted at every launch')
    .option('--pull-overwrite-cache', 'pack kernel and ramdisk again')
    .option('--pull-update', 'ask the registry again for kernel and ramdisk')
    .option('-W, --wait', 'return when the zone is ready')
    .option('-a, --attach', 'wait, then connect this terminal with its console; Ctrl-] leaves it')
    .action((options: Options) => launch(cli, options));
}

async function launch(cli: Cli, options: Options): Promise<void> {
  const { zoneId } = await cli.control.createZone({ spec: await zoneSpec(cli, options) });
  if (options.attach !== true) await write(cli.stdout, `${zoneId}\n`);
  if (options.wait === true || options.attach === true) {
    const zone = await waitUntilReady(cli, zoneId);
    if (options.attach === true) await attachZone(cli, zone.id, true);
  }
}

/** What the options ask for; everything left out is the daemon's choice. */
async function zoneSpec(cli: Cli, options: Options): Promise<MessageInitShape<typeof ZoneSpecSchema>> {
  if (options.kernelVariant !== undefined) {
    throw usageError('--kernel-variant: the daemon does not tell its variants yet; give --kernel <image>');
  }
  const image = (reference: string | undefined) =>
    reference === undefined
      ? undefined
      : pullImage(cli, reference, {
          format: OciImageFormat.TAR,
          overwriteCache: options.pullOverwriteCache === true,
          update: options.pullUpdate === true,
        });
  const kernel = await image(options.kernel);
  const initrd = await image(options.initrd);
  return {
    name: options.name ?? '',
    ...(kernel === undefined ? {} : { kernel }),
    ...(initrd === undefined ? {} : { initrd }),
    kernelOptions: {
      verbose: options.kernelVerbose === true,
      cmdlineAppend: options.kernelCmdlineAppend ?? '',
    },
    initialResources: {
      minCpus: options.minCpus ?? 0,
      maxCpus: options.maxCpus ?? 0,
      targetCpus: options.targetCpus ?? 0,
      minMemory: BigInt(options.minMemory ?? 0),
      maxMemory: BigInt(options.maxMemory ?? 0),
      targetMemory: BigInt(options.targetMemory ?? 0),
      adjustmentPolicy:
        options.resourceAdjustmentPolicy === undefined
          ? ZoneResourceAdjustmentPolicy.UNKNOWN
          : policies[options.resourceAdjustmentPolicy],
    },
    devices: (options.device ?? []).map((name) => ({ name })),
    networkOptions: { backend: networks[options.networkBackend ?? 'default'] },
    virtualizationOptions: { backend: virtualizations[options.virtBackend ?? 'auto'] },
    ...scratchDisk(options),
  };
}

function scratchDisk(options: Options): Pick<MessageInitShape<typeof ZoneSpecSchema>, 'scratchDisk'> {
  if (options.createScratchDisk !== undefined) {
    const size = BigInt(options.createScratchDisk);
    return { scratchDisk: { backend: { case: 'image', value: { size } } } };
  }
  if (options.attachScratchDisk !== undefined) {
    return { scratchDisk: { backend: { case: 'block', value: { device: options.attachScratchDisk } } } };
  }
  return {};
}
