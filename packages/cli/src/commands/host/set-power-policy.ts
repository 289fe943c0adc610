import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { usageError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';

interface Options {
  readonly scheduler?: string;
  readonly smtAwareness?: boolean;
}

/** `protect host set-power-policy`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('set-power-policy')
      .description('set how the host trades power for speed, until it is restarted')
      .option('--scheduler <governor>', 'frequency governor, such as performance or powersave')
      .option('--smt-awareness', 'let the hypervisor’s scheduler tell threads of one core apart'),
    ['protect host set-power-policy --scheduler performance', 'keep the processors at full speed'],
  ).action(async ({ scheduler, smtAwareness }: Options) => {
    if (scheduler === undefined && smtAwareness === undefined) {
      throw usageError('there is nothing to set; give --scheduler or --smt-awareness');
    }
    await cli.control.setHostPowerManagementPolicy({
      scheduler: scheduler ?? '',
      smtAwareness: smtAwareness === true,
    });
  });
}
