import type { ControlClient } from '../../scripts/stack/control-client.ts';
import { countLines } from './numbered-output.ts';
import { Violation } from './step-progress.ts';
import { hangMs, type KnownWorkload } from './world.ts';

/** What a workload has printed up to now or, when it has ended and `follow` is set, all of it. */
export async function readOutput(
  client: ControlClient,
  workloadId: string,
  { follow }: { follow: boolean },
): Promise<string> {
  const read = Promise.withResolvers<void>();
  async function* requests() {
    yield { workloadId };
    await read.promise;
  }
  const options = {
    signal: AbortSignal.timeout(hangMs),
    ...(follow ? {} : { headers: { 'protect-follow': 'false' } }),
  };
  const pieces: Uint8Array[] = [];
  try {
    for await (const { stdout } of client.attachWorkloadConsole(requests(), options)) pieces.push(stdout);
  } finally {
    read.resolve();
  }
  return Buffer.concat(pieces).toString('utf8');
}

/** Counts the lines of an output, which must be those that were seen before and maybe more. */
export function checkOutput(workload: KnownWorkload, output: string, whole: boolean): number {
  let lines: number;
  try {
    lines = countLines(output, whole);
  } catch (error) {
    throw new Violation(`workload ${workload.id}: ${String(error)}`, { cause: error });
  }
  if (lines < workload.lines) {
    throw new Violation(`workload ${workload.id} had ${workload.lines} lines and now has ${lines}`);
  }
  workload.lines = lines;
  return lines;
}
