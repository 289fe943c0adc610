import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { printWorkloadLog } from '../../follow-console.ts';
import { resolveWorkload } from '../../resolve.ts';

/** `protect workload logs`. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('logs')
      .description('print what a workload has printed')
      .argument('<workload>', 'name or UUID')
      .option('-f, --follow', 'go on until the workload ends'),
    ['protect workload logs nginx', 'what it printed'],
    ['protect workload logs -f nginx', 'the same, and what follows'],
  ).action(async (workload: string, options: { readonly follow?: boolean }) => {
    await printWorkloadLog(cli, await resolveWorkload(cli.control, workload), options.follow === true);
  });
}
