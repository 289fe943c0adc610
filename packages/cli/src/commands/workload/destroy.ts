import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { resolveWorkload } from '../../resolve.ts';
import { waitUntilGone } from '../../wait-for-workload.ts';

/** `protect workload destroy`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('destroy')
      .description('end a workload and forget it')
      .argument('<workload>', 'name or UUID')
      .option('-W, --wait', 'return when nothing is left of it'),
    ['protect workload destroy nginx --wait', 'return when nothing is left of it'],
  ).action(async (workload: string, options: { readonly wait?: boolean }) => {
    const workloadId = await resolveWorkload(cli.control, workload);
    await cli.control.destroyWorkload({ workloadId });
    if (options.wait === true) await waitUntilGone(cli, workloadId);
  });
}
