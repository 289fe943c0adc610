import { toJson } from '@bufbuild/protobuf';
import {
  HostCpuTopologyClassSchema,
  type HostCpuTopologyInfo,
  HostCpuTopologyInfoSchema,
} from '@protect/proto/control-common';
import { Command } from 'commander';
import type { Cli } from '../../cli.ts';
import { withExamples } from '../../examples.ts';
import { addOutputOption, type Listing, outputFormat, printList } from '../../output-format.ts';
import { shortName } from '../../short-name.ts';

const formats = ['table', 'json', 'json-pretty', 'jsonl', 'yaml', 'key-value'] as const;

type Format = (typeof formats)[number];

/** How CPUs are listed; they have no id but their place in the list. */
const cpuListing: Listing<HostCpuTopologyInfo> = {
  json: (cpu) => toJson(HostCpuTopologyInfoSchema, cpu),
  header: ['id', 'node', 'socket', 'core', 'thread', 'class'],
  row: (cpu, index) => [{ text: String(index) }, ...columns(cpu).map((text) => ({ text }))],
  simple: columns,
  empty: 'no CPUs are known',
};

/** `protect host cpu-topology`. */
export function command(cli: Cli): Command {
  const topology = new Command('cpu-topology').description("list the host's logical CPUs that are online");
  return withExamples(
    addOutputOption(topology, formats),
    ['protect host cpu-topology', 'see sockets, cores and threads'],
    ['protect host cpu-topology -o json', 'the same for a program'],
  ).action(async (options: { readonly output: Format; readonly format?: Format }) => {
    const { cpus } = await cli.control.getHostCpuTopology({});
    await printList(cli, cpuListing, cpus, outputFormat(options));
  });
}

function columns(cpu: HostCpuTopologyInfo): string[] {
  const numbers = [cpu.node, cpu.socket, cpu.core, cpu.thread];
  return [...numbers.map(String), shortName(HostCpuTopologyClassSchema, cpu.class)];
}
