import { ZoneSchema } from '@protect/proto/control-common';
import { Command } from 'commander';
import { collect } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { CommandError, usageError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';
import { allZones, resolveZone } from '../../resolve.ts';
import { parseSelector, selectAll } from '../../selector.ts';
import { waitUntilDestroyed } from '../../wait-for-zone.ts';

interface Options {
  readonly wait?: boolean;
  readonly all?: boolean;
  readonly selector?: readonly string[];
}

/** `protect zone destroy`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('destroy')
      .description('end a zone and everything in it')
      .argument('[zone]', 'name or UUID')
      .option('-W, --wait', 'return when nothing is left of it')
      .option('--all', 'every zone that matches, not only the newest')
      .option(
        '--selector <path=value>',
        'zones with this value, such as status.state=failed',
        collect(String),
      ),
    ['protect zone destroy web --wait', 'end it, and return when nothing is left'],
    ['protect zone destroy --all --selector status.state=failed', 'clear away what failed'],
  ).action(async (zone: string | undefined, options: Options) => {
    const ids = await chosen(cli, zone, options);
    for (const zoneId of ids) await cli.control.destroyZone({ zoneId });
    if (options.wait === true) await Promise.all(ids.map((id) => waitUntilDestroyed(cli, id)));
  });
}

async function chosen(cli: Cli, zone: string | undefined, options: Options): Promise<string[]> {
  if (zone === undefined && options.selector === undefined) {
    throw usageError('no zone was named; give its name or UUID, or --selector path=value');
  }
  if (options.selector === undefined && zone !== undefined) {
    if (options.all !== true) return [await resolveZone(cli.control, zone)];
    const { zoneIds } = await cli.control.resolveZoneIds({ name: zone });
    if (zoneIds.length > 0) return zoneIds;
    throw new CommandError(`there is no zone named "${zone}"; see protect zone list`);
  }
  const selected = selectAll((options.selector ?? []).map((text) => parseSelector(ZoneSchema, text)));
  const matching = (await allZones(cli.control)).filter(
    (candidate) =>
      selected(candidate) && (zone === undefined || candidate.id === zone || candidate.spec?.name === zone),
  );
  if (matching.length > 1 && options.all !== true) {
    throw new CommandError(`${matching.length} zones match; add --all to destroy every one`);
  }
  return matching.map(({ id }) => id);
}
