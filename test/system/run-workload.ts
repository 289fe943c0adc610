import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  OciImageFormat,
  OciImageSpecSchema,
  ProcessSpecSchema,
  WorkloadSpecSchema,
} from '@protect/proto/control-common';
import type { ControlClient } from '../../scripts/stack/control-client.ts';
import { workloadEnd } from './guests.ts';

/** What is asked for of a workload beyond its image and command. */
export type AskedWorkload = MessageInitShape<typeof WorkloadSpecSchema>;

/** Where workloads run, and of which image. */
export interface Place {
  readonly zoneId: string;
  /** Of an image that was pulled as SquashFS. */
  readonly digest: string;
}

/** Creates and starts a workload; gives its id. */
export async function beginWorkload(
  client: ControlClient,
  { zoneId, digest }: Place,
  command: readonly string[],
  asked: AskedWorkload = {},
): Promise<string> {
  const spec = create(WorkloadSpecSchema, asked);
  spec.zoneId = zoneId;
  spec.image = create(OciImageSpecSchema, { digest, format: OciImageFormat.SQUASHFS });
  spec.process ??= create(ProcessSpecSchema);
  spec.process.command = [...command];
  const { workloadId } = await client.createWorkload({ spec });
  await client.startWorkload({ workloadId });
  return workloadId;
}

/** What all runs of a workload have printed, once it has ended; both of its streams. */
export async function printedBy(client: ControlClient, workloadId: string): Promise<string> {
  async function* requests() {
    yield { workloadId };
  }
  const printed: Uint8Array[] = [];
  for await (const { stdout, stderr } of client.attachWorkloadConsole(requests()))
    printed.push(stdout, stderr);
  return Buffer.concat(printed).toString('utf8');
}

/** Runs a shell script as a workload of its own and gives what it printed; a script that fails is an error. */
export async function runScript(
  client: ControlClient,
  place: Place,
  script: string,
  asked: AskedWorkload = {},
): Promise<string> {
  const workloadId = await beginWorkload(client, place, ['sh', '-c', script], asked);
  const text = await printedBy(client, workloadId);
  const exitCode = await workloadEnd(client, workloadId);
  await client.destroyWorkload({ workloadId });
  if (exitCode !== 0) throw new Error(`the script ended with ${exitCode}: ${text}`);
  return text;
}
