import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { printZoneLog } from '../../follow-console.ts';
import { resolveZone } from '../../resolve.ts';

/** `protect zone logs`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('logs')
      .description("print what a zone's kernel and init have printed")
      .argument('<zone>', 'name or UUID')
      .option('-f, --follow', 'go on until the zone ends'),
    ['protect zone logs web', 'what its kernel and init printed'],
    ['protect zone logs -f web', 'the same, and what follows'],
  ).action(async (zone: string, options: { readonly follow?: boolean }) => {
    await printZoneLog(cli, await resolveZone(cli.control, zone), options.follow === true);
  });
}
