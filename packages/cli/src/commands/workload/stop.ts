import { Command } from 'commander';
import { positive } from '../../arguments.ts';
import type { Cli } from '../../cli.ts';
import { resolveWorkload } from '../../resolve.ts';

/** `protect workload stop`. */
export function command(cli: Cli): Command {
  return new Command('stop')
    .description('end a workload with SIGTERM, and SIGKILL when that does not help')
    .argument('<workload>', 'name or UUID')
    .option('-t, --timeout <seconds>', 'before SIGKILL; 10 unless told', positive(86_400))
    .action(async (workload: string, options: { readonly timeout?: number }) => {
      await cli.control.stopWorkload({
        workloadId: await resolveWorkload(cli.control, workload),
        timeout: BigInt(options.timeout ?? 0),
      });
    });
}
