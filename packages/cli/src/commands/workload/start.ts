import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { resolveWorkload } from '../../resolve.ts';

/** `protect workload start`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('start')
      .description('start a workload that was created or has ended')
      .argument('<workload>', 'name or UUID'),
    ['protect workload start nginx', 'run it again'],
  ).action(async (workload: string) => {
    await cli.control.startWorkload({ workloadId: await resolveWorkload(cli.control, workload) });
  });
}
