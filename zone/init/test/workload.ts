import { randomUUID } from 'node:crypto';
import { buildExecProcess, buildRuntimeSpec, type RuntimeSpecRequest } from '@protect/oci/runtime-spec';
import { OutputStream, type ProcessExit } from '@protect/proto/idm';
import type { IdmConnection } from '../../../services/daemon/src/idm/connection.ts';
import type { IdmStream } from '../../../services/daemon/src/idm/stream.ts';
import { imageSerial } from './booted-zone.ts';

export interface WorkloadRequest {
  readonly terminal?: boolean;
  readonly stdin?: boolean;
  readonly diskSerial?: string;
  readonly cgroupLimits?: RuntimeSpecRequest['cgroupLimits'];
  readonly scratchMounts?: readonly string[];
  readonly size?: { readonly rows: number; readonly columns: number };
  readonly deadlineMs?: number;
  readonly raiseCapabilities?: readonly string[];
}

/** A workload of the test's image. */
export interface TestWorkload {
  readonly id: string;
  readonly spec: RuntimeSpecRequest;
}

/** Creates a workload that runs `script` with the image's shell. */
export async function createWorkload(
  connection: IdmConnection,
  script: string | readonly string[],
  request: WorkloadRequest = {},
): Promise<TestWorkload> {
  const id = randomUUID();
  const spec: RuntimeSpecRequest = {
    image: { entrypoint: [], command: [], environment: [], user: '', workingDirectory: '', stopSignal: '' },
    accounts: { passwd: 'root:x:0:0:root:/:/bin/sh\n', group: '' },
    hostname: 'workload-name',
    workloadId: id,
    security: { raiseCapabilities: request.raiseCapabilities ?? [] },
    process: {
      command: typeof script === 'string' ? ['/bin/sh', '-c', script] : script,
      terminal: request.terminal ?? false,
    },
    cgroupLimits: request.cgroupLimits ?? [],
    binds: (request.scratchMounts ?? []).map((destination, index) => {
      return { source: `/scratch/${id}-mounts/${index}`, destination };
    }),
  };
  await connection.request(
    {
      case: 'createWorkload',
      value: {
        workloadId: id,
        diskSerial: request.diskSerial ?? imageSerial,
        filesystem: 'squashfs',
        ociConfig: Buffer.from(buildRuntimeSpec(spec)),
        hostsFile: '127.0.0.1 localhost\n',
        scratchMounts: [...(request.scratchMounts ?? [])],
        stdin: request.stdin ?? false,
        ...(request.size === undefined ? {} : { terminalSize: request.size }),
      },
    },
    { deadlineMs: request.deadlineMs ?? 20_000 },
  );
  return { id, spec };
}

/** Starts it and gives the number of the run. */
export async function start(connection: IdmConnection, { id }: TestWorkload): Promise<number> {
  const { response } = await connection.request(
    { case: 'startWorkload', value: { workloadId: id } },
    { deadlineMs: 20_000 },
  );
  if (response.case !== 'startWorkload') throw new Error('no run');
  return response.value.run;
}

/** The exit of a run: from the event, which the zone sends at once. */
export function exitOf(connection: IdmConnection, { id }: TestWorkload, run = 1): Promise<ProcessExit> {
  return new Promise((resolve) => {
    const stop = connection.onEvent(({ event }) => {
      if (event.case !== 'workloadExited' || event.value.workloadId !== id || event.value.run !== run) return;
      stop();
      if (event.value.exit) resolve(event.value.exit);
    });
  });
}

export interface Collected {
  stdout: Buffer;
  stderr: Buffer;
  exit: ProcessExit | undefined;
}

type OutputName = 'stdout' | 'stderr';

function nameOf(stream: OutputStream): OutputName {
  if (stream === OutputStream.STDOUT) return 'stdout';
  if (stream === OutputStream.STDERR) return 'stderr';
  throw new Error(`there is no output ${stream}`);
}

/** Reads a stream to its end; every byte is granted again and, for a workload's output, acknowledged. */
export async function collect(
  stream: IdmStream,
  { acknowledge = false, until }: { acknowledge?: boolean; until?: (seen: Buffer) => boolean } = {},
): Promise<Collected> {
  const chunks: Record<OutputName, Buffer[]> = { stdout: [], stderr: [] };
  const offsets = { stdout: 0n, stderr: 0n };
  let exit: ProcessExit | undefined;
  for await (const { response } of stream.responses) {
    if (response.case === 'exited') exit = response.value;
    if (response.case !== 'output') continue;
    const { offset, data } = response.value;
    const which = nameOf(response.value.stream);
    if (chunks[which].length === 0) offsets[which] = offset;
    if (offset !== offsets[which]) throw new Error(`output at ${offset}, expected at ${offsets[which]}`);
    offsets[which] += BigInt(data.length);
    chunks[which].push(Buffer.from(data));
    stream.grant(data.length);
    if (acknowledge && data.length > 0) {
      await stream.send({
        case: 'outputAcknowledge',
        value: { stdoutOffset: offsets.stdout, stderrOffset: offsets.stderr },
      });
    }
    if (until?.(Buffer.concat(chunks.stdout))) break;
  }
  return { stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr), exit };
}

/** Runs a script in the workload. */
export function execIn(
  connection: IdmConnection,
  { id, spec }: TestWorkload,
  script: string | readonly string[],
  { terminal = false, size }: { terminal?: boolean; size?: { rows: number; columns: number } } = {},
): IdmStream {
  const command = typeof script === 'string' ? ['/bin/sh', '-c', script] : script;
  return connection.exec({
    workloadId: id,
    ociProcess: Buffer.from(buildExecProcess(spec, { command, terminal })),
    tty: terminal,
    ...(size === undefined ? {} : { terminalSize: size }),
  });
}

/** Creates, starts and reads a workload to its end, then destroys it. */
export async function runToEnd(
  connection: IdmConnection,
  script: string | readonly string[],
  request: WorkloadRequest = {},
): Promise<Collected & { exit: ProcessExit }> {
  const workload = await createWorkload(connection, script, request);
  const exited = exitOf(connection, workload);
  const run = await start(connection, workload);
  const output = await collect(connection.workloadIo({ workloadId: workload.id, run }), {
    acknowledge: true,
  });
  const exit = await exited;
  await destroy(connection, workload);
  return { ...output, exit };
}

export async function destroy(connection: IdmConnection, { id }: TestWorkload): Promise<void> {
  await connection.request({ case: 'destroyWorkload', value: { workloadId: id } }, { deadlineMs: 30_000 });
}
