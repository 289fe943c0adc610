import { runTool } from '@protect/service/run-tool';

/** The versions that apt would install now, by package; those it does not know are left out. */
export async function aptCandidates(
  packages: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await runTool('apt-cache', ['policy', ...packages], { signal, timeoutMs: 30_000 });
  return parsePolicy(stdout);
}

/** Reads what `apt-cache policy` prints: a line with the package's name, then indented lines about it. */
export function parsePolicy(output: string): ReadonlyMap<string, string> {
  const candidates = new Map<string, string>();
  let name: string | undefined;
  for (const line of output.split('\n')) {
    name = /^(\S+):$/.exec(line)?.[1] ?? name;
    const version = /^ {2}Candidate: (\S+)$/.exec(line)?.[1];
    if (name !== undefined && version !== undefined && version !== '(none)') candidates.set(name, version);
  }
  return candidates;
}
