import { type Workload, WorkloadSchema } from '@protect/proto/control-common';
import { Command } from 'commander';
import { collect } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import {
  addOutputOption,
  type ListFormat,
  listFormats,
  outputFormat,
  printList,
} from '../../output-format.ts';
import { allZones, resolveWorkload } from '../../resolve.ts';
import { parseSelector, selectAll } from '../../selector.ts';
import { workloadListing } from '../../workload-listing.ts';

interface Options {
  readonly output: ListFormat;
  readonly format?: ListFormat;
  readonly selector?: readonly string[];
}

/** `protect workload list`. */
export function command(cli: Cli): Command {
  return withExamples(
    addOutputOption(
      new Command('list')
        .description('list workloads')
        .argument('[workload]', 'name or UUID of the only one to list'),
      listFormats,
    ).option(
      '--selector <path=value>',
      'only those with this value, such as status.state=running',
      collect(String),
    ),
    ['protect workload list', 'every workload with its zone'],
    [
      'protect workload list --selector status.state=running -o simple | cut -f 1',
      'the UUIDs of those that run',
    ],
  ).action(async (workload: string | undefined, options: Options) => {
    const selected = selectAll((options.selector ?? []).map((text) => parseSelector(WorkloadSchema, text)));
    const id = workload === undefined ? undefined : await resolveWorkload(cli.control, workload);
    const workloads = id === undefined ? await all(cli) : await one(cli, id);
    const format = outputFormat(options);
    // Only people want names; everything else has the zone's UUID.
    const zones = format === 'table' && workloads.length > 0 ? await allZones(cli.control) : [];
    const names = new Map(zones.map((zone) => [zone.id, zone.spec?.name ?? '']));
    await printList(cli, workloadListing(names), workloads.filter(selected), format);
  });
}

async function all(cli: Cli): Promise<Workload[]> {
  const workloads: Workload[] = [];
  for await (const page of cli.control.listWorkloads({})) workloads.push(...page.workloads);
  return workloads;
}

async function one(cli: Cli, workloadId: string): Promise<Workload[]> {
  const { workload } = await cli.control.getWorkload({ workloadId });
  return workload === undefined ? [] : [workload];
}
