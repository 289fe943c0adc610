import { Code, ConnectError } from '@connectrpc/connect';
import { runTool, ToolError } from '@protect/service/run-tool';
import type { HostCpu } from '../../host/cpu-topology.ts';
import type { HostProcessors } from '../../host/processors.ts';
import { invalidField } from '../../invalid-argument.ts';
import { findXenpm } from './dom0.ts';

const xenpmTimeoutMs = 10_000;

/** The processors of a host that Xen schedules; Dom0's own are virtual and tell nothing of them. */
export const xenProcessors: HostProcessors = {
  topology: async (signal) =>
    parseXenTopology(await xenpm(['get-cpu-topology'], 'tell its processors', signal)),
  async setGovernor(governor, signal) {
    const known = parseGovernors(await xenpm(['get-cpufreq-para'], 'tell its frequency governors', signal));
    if (known.length === 0) {
      const text =
        'Xen governs no frequency of the processors of this host (its option cpufreq=xen, and processors that can)';
      throw new ConnectError(text, Code.FailedPrecondition);
    }
    if (!known.includes(governor)) {
      const text = `scheduler ${JSON.stringify(governor)} is no governor of this host; it has: ${known.join(' ')}`;
      throw invalidField('scheduler', text);
    }
    await xenpm(['set-scaling-governor', governor], `set the governor ${governor}`, signal);
  },
  packThreads: async (signal) =>
    void (await xenpm(['set-sched-smt', 'enable'], 'make its scheduler aware of SMT', signal)),
};

/** Takes the output of `xenpm get-cpu-topology` apart: a line `CPU<n> core socket node` for each. */
export function parseXenTopology(text: string): HostCpu[] {
  const threads = new Map<string, number>();
  return text.split('\n').flatMap((line): HostCpu[] => {
    const fields = /^CPU\d+\s+(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line)?.slice(1).map(Number);
    if (fields === undefined) return [];
    const [core = 0, socket = 0, node = 0] = fields;
    const place = `${socket}/${core}`;
    const thread = threads.get(place) ?? 0;
    threads.set(place, thread + 1);
    return [{ core, socket, node, thread, class: 'standard' }];
  });
}

/** The governors that all processors have, from the output of `xenpm get-cpufreq-para`; a star marks the one in use. */
export function parseGovernors(text: string): string[] {
  const lists = [...text.matchAll(/^scaling_avail_gov\s*:\s*(.*)$/gm)].map(([, list = '']) =>
    list
      .replaceAll('*', '')
      .split(/\s+/)
      .filter((name) => name !== ''),
  );
  const [first = [], ...others] = lists;
  return first.filter((name) => others.every((list) => list.includes(name)));
}

async function xenpm(args: readonly string[], what: string, signal: AbortSignal): Promise<string> {
  try {
    return (await runTool(await findXenpm(), args, { signal, timeoutMs: xenpmTimeoutMs })).stdout;
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    const reason = error.stderr.trim() || error.message;
    throw new ConnectError(
      `Xen does not ${what}: ${reason}`,
      Code.FailedPrecondition,
      undefined,
      undefined,
      error,
    );
  }
}
