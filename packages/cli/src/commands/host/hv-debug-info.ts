import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { write } from '../../write.ts';

/** `protect host hv-debug-info`: one JSON object. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('hv-debug-info').description(
      'print all that the hypervisor tells about zones and devices, as JSON',
    ),
    ['protect host hv-debug-info | jq', 'read it'],
  ).action(async () => {
    const { json } = await cli.control.hypervisorDebugInfo({});
    await write(cli.stdout, `${json.trimEnd()}\n`);
  });
}
