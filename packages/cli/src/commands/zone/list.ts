import { ZoneSchema } from '@protect/proto/control-common';
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
import { allZones, resolveZone } from '../../resolve.ts';
import { parseSelector, selectAll } from '../../selector.ts';
import { zoneListing } from '../../zone-listing.ts';

interface Options {
  readonly output: ListFormat;
  readonly format?: ListFormat;
  readonly selector?: readonly string[];
}

/** `protect zone list`. */
export function command(cli: Cli): Command {
  return withExamples(
    addOutputOption(
      new Command('list')
        .description('list zones')
        .argument('[zone]', 'name or UUID of the only one to list'),
      listFormats,
    ).option(
      '--selector <path=value>',
      'only zones with this value, such as status.state=ready',
      collect(String),
    ),
    ['protect zone list', 'every zone with its addresses'],
    ['protect zone list --selector status.state=failed', 'only those that failed'],
    ['protect zone list web -o json-pretty', 'all that is known of one'],
  ).action(async (zone: string | undefined, options: Options) => {
    const selected = selectAll((options.selector ?? []).map((text) => parseSelector(ZoneSchema, text)));
    const id = zone === undefined ? undefined : await resolveZone(cli.control, zone);
    const zones = id === undefined ? await allZones(cli.control) : await one(cli, id);
    await printList(cli, zoneListing, zones.filter(selected), outputFormat(options));
  });
}

async function one(cli: Cli, zoneId: string) {
  const { zone } = await cli.control.getZone({ zoneId });
  return zone === undefined ? [] : [zone];
}
