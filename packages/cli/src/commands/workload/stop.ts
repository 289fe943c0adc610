import { Command } from 'commander';
import { positive } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { resolveWorkload } from '../../resolve.ts';

/** `protect workload stop`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('stop')
      .description('end a workload with SIGTERM, and SIGKILL when that does not help')
      .argument('<workload>', 'name or UUID')
      .option('-t, --timeout <seconds>', 'before SIGKILL; 10 unless told', positive(86_400)),
    ['protect workload stop -t 30 nginx', 'give it half a minute to end'],
  ).action(async (workload: string, options: { readonly timeout?: number }) => {
    await cli.control.stopWorkload({
      workloadId: await resolveWorkload(cli.control, workload),
      timeout: BigInt(options.timeout ?? 0),
    });
  });
}
