import type { MessageInitShape } from '@bufbuild/protobuf';
import { ZoneResourceAdjustmentPolicy, type ZoneResourcesSpecSchema } from '@protect/proto/control-common';
import { type Command, Option } from 'commander';
import { positive } from './arguments.ts';

const maxCpus = 1024;
/** Bound of sizes given in MiB. */
export const maxMib = 2 ** 32;

const policies = {
  static: ZoneResourceAdjustmentPolicy.STATIC,
  dynamic: ZoneResourceAdjustmentPolicy.DYNAMIC,
};

/** Sizes of a zone as options give them; memory in MiB. */
export interface ResourceOptions {
  readonly minCpus?: number;
  readonly maxCpus?: number;
  readonly targetCpus?: number;
  readonly minMemory?: number;
  readonly maxMemory?: number;
  readonly targetMemory?: number;
  readonly resourceAdjustmentPolicy?: keyof typeof policies;
}

/** Adds the options for a zone's sizes; `start` says what the targets are, `policy` is a short form of the last. */
export function addResourceOptions(
  command: Command,
  { start, policy }: { readonly start: string; readonly policy: '' | '-p, ' },
): Command {
  return command
    .option('--min-cpus <n>', 'fewest CPUs it may shrink to', positive(maxCpus))
    .option('-C, --max-cpus <n>', 'most CPUs it may grow to', positive(maxCpus))
    .option('-c, --target-cpus <n>', `CPUs ${start}`, positive(maxCpus))
    .option('--min-memory <mib>', 'least memory it may shrink to, MiB', positive(maxMib))
    .option('-M, --max-memory <mib>', 'most memory it may grow to, MiB', positive(maxMib))
    .option('-m, --target-memory <mib>', `memory ${start}, MiB`, positive(maxMib))
    .addOption(
      new Option(
        `${policy}--resource-adjustment-policy <policy>`,
        'whether memory follows its use (dynamic) or stays at the target (static)',
      ).choices(Object.keys(policies)),
    );
}

/** The same for the wire, where 0 is the default or, for a running zone, no change. */
export function resourcesSpec(options: ResourceOptions): MessageInitShape<typeof ZoneResourcesSpecSchema> {
  const { resourceAdjustmentPolicy } = options;
  return {
    minCpus: options.minCpus ?? 0,
    maxCpus: options.maxCpus ?? 0,
    targetCpus: options.targetCpus ?? 0,
    minMemory: BigInt(options.minMemory ?? 0),
    maxMemory: BigInt(options.maxMemory ?? 0),
    targetMemory: BigInt(options.targetMemory ?? 0),
    adjustmentPolicy:
      resourceAdjustmentPolicy === undefined
        ? ZoneResourceAdjustmentPolicy.UNKNOWN
        : policies[resourceAdjustmentPolicy],
  };
}
