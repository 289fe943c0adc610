import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { attachZone } from '../../follow-console.ts';
import { resolveZone } from '../../resolve.ts';

/** `protect zone attach`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('attach')
      .description("connect this terminal with a zone's console; Ctrl-] leaves it")
      .argument('<zone>', 'name or UUID'),
    ['protect zone attach web', 'its console in this terminal'],
  ).action(async (zone: string) => {
    await attachZone(cli, await resolveZone(cli.control, zone), true);
  });
}
