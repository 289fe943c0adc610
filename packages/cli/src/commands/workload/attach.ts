import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { attachWorkload } from '../../follow-console.ts';
import { resolveWorkload } from '../../resolve.ts';
import { waitForExit } from '../../wait-for-workload.ts';

/** `protect workload attach`: ends with the workload's exit code. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('attach')
      .description('connect with a workload and end with its exit code; Ctrl-] leaves it')
      .argument('<workload>', 'name or UUID'),
    ['protect workload attach shell', 'its input and output in this terminal'],
  ).action(async (name: string) => {
    const workloadId = await resolveWorkload(cli.control, name);
    const { workload } = await cli.control.getWorkload({ workloadId });
    const end = await attachWorkload(cli, workloadId, workload?.spec?.process?.tty === true);
    if (end === 'ended') cli.setExitCode(await waitForExit(cli, workloadId));
  });
}
