import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { write } from '../../write.ts';

/** `protect zone resolve`: the UUID on standard output, or exit code 1. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('resolve')
      .description('print the UUID of the zone that a name means')
      .argument('<zone>', 'name or UUID'),
    ['protect zone resolve web', 'the UUID of the newest active zone of that name'],
  ).action(async (name: string) => {
    const { zoneId } = await cli.control.resolveZoneId({ name });
    await write(cli.stdout, `${zoneId}\n`);
  });
}
