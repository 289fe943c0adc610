import { toJson } from '@bufbuild/protobuf';
import { type GetHostStatusReply, GetHostStatusReplySchema } from '@protect/proto/control';
import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { keyValueLine } from '../../key-value.ts';
import { addOutputOption, outputFormat, structured } from '../../output-format.ts';
import { write } from '../../write.ts';

const formats = ['simple', 'json', 'json-pretty', 'yaml', 'key-value'] as const;

type Format = (typeof formats)[number];

/** `protect host status`. */
export function command(cli: Cli): Command {
  return withExamples(
    addOutputOption(new Command('status').description('tell about the host and its daemon'), formats),
    ['protect host status', 'who this host is and what runs it'],
  ).action(async (options: { readonly output: Format; readonly format?: Format }) => {
    const status = await cli.control.getHostStatus({});
    await write(cli.stdout, await render(status, outputFormat(options)));
  });
}

async function render(status: GetHostStatusReply, format: Format): Promise<string> {
  const json = toJson(GetHostStatusReplySchema, status);
  if (format === 'simple') return hostStatusLines(status);
  return format === 'key-value' ? `${keyValueLine(json)}\n` : structured(json, format);
}

/** A line for each thing that is known. */
export function hostStatusLines(status: GetHostStatusReply): string {
  const memory = status.hypFreeMem === undefined ? '' : `${status.hypFreeMem}`;
  const lines: [string, string][] = [
    ['Host UUID', status.hostUuid],
    ['Host Domain', String(status.hostDomid)],
    ['Protect Version', status.protectVersion],
    ['Host IPv4', status.hostIpv4],
    ['Host IPv6', status.hostIpv6],
    ['Host Ethernet Address', status.hostMac],
    ['Hypervisor Free Memory', memory],
    ['Protect Git SHA', status.protectGitSha ?? ''],
    ['Protect Last Tag', status.protectLastTag ?? ''],
    ['Protect Branch', status.protectBranch ?? ''],
  ];
  return lines
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}: ${value}\n`)
    .join('');
}
