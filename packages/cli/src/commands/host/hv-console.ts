import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { write } from '../../write.ts';

/** `protect host hv-console`: what the hypervisor has printed. */
export function command(cli: Cli): Command {
  return withExamples(
    new Command('hv-console').description(
      "print the hypervisor's own messages, where the hypervisor keeps any",
    ),
    ['protect host hv-console', 'read boot messages and warnings of Xen'],
  ).action(async () => {
    const { data } = await cli.control.readHypervisorConsole({});
    await write(cli.stdout, data === '' || data.endsWith('\n') ? data : `${data}\n`);
  });
}
