import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { attachZone } from '../../follow-console.ts';
import { resolveZone } from '../../resolve.ts';

/** `protect zone attach`. */
export function command(cli: Cli): Command {
  return new Command('attach')
    .description("connect this terminal with a zone's console; Ctrl-] leaves it")
    .argument('<zone>', 'name or UUID')
    .action(async (zone: string) => {
      await attachZone(cli, await resolveZone(cli.control, zone), true);
    });
}
