import { toJson } from '@bufbuild/protobuf';
import { type MetricNode, MetricNodeSchema } from '@protect/proto/control-common';
import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { CommandError } from '../../command-error.ts';
import { withExamples } from '../../examples.ts';
import { keyValuePairs } from '../../key-value.ts';
import { metricTree, metricValues } from '../../metric-tree.ts';
import { addOutputOption, outputFormat, structured } from '../../output-format.ts';
import { resolveZone } from '../../resolve.ts';
import { write } from '../../write.ts';

const formats = ['tree', 'json', 'json-pretty', 'yaml', 'key-value'] as const;

type Format = (typeof formats)[number];

/** `protect zone metrics`. */
export function command(cli: Cli): Command {
  const metrics = new Command('metrics')
    .description('print what a zone and the hypervisor measure of it now')
    .argument('<zone>', 'name or UUID');
  return withExamples(
    addOutputOption(metrics, formats),
    ['protect zone metrics web', 'read them as a tree'],
    ['protect zone metrics web -o key-value', 'in plain numbers, for a script'],
  ).action(async (zone: string, options: { readonly output: Format; readonly format?: Format }) => {
    const zoneId = await resolveZone(cli.control, zone);
    const { root } = await cli.control.readZoneMetrics({ zoneId });
    if (root === undefined) throw new CommandError(`zone ${zone} tells no metrics`);
    await write(cli.stdout, await render(root, outputFormat(options)));
  });
}

async function render(root: MetricNode, format: Format): Promise<string> {
  if (format === 'tree') return metricTree(root);
  if (format === 'key-value') return `${keyValuePairs(metricValues(root))}\n`;
  return structured(toJson(MetricNodeSchema, root), format);
}
