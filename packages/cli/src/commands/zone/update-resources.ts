import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { usageError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';
import { resolveZone } from '../../resolve.ts';
import { addResourceOptions, type ResourceOptions, resourcesSpec } from '../../zone-resources.ts';

/** `protect zone update-resources`: what is not given stays as it is. */
export function command(cli: Cli): Command {
  const update = new Command('update-resources')
    .description('change the memory and CPUs of a running zone; what is left out stays as it is')
    .argument('<zone>', 'name or UUID');
  return withExamples(
    addResourceOptions(update, { start: 'it should have now', policy: '-p, ' }),
    ['protect zone update-resources -m 4096 -p static web', 'give it 4 GiB, and keep it at that'],
    ['protect zone update-resources --target-cpus 2 web', 'run it on two CPUs'],
  ).action(async (zone: string, options: ResourceOptions) => {
    if (Object.keys(options).length === 0) {
      throw usageError('there is nothing to change; give --target-memory, --target-cpus or another');
    }
    await cli.control.updateZoneResources({
      zoneId: await resolveZone(cli.control, zone),
      resources: resourcesSpec(options),
    });
  });
}
