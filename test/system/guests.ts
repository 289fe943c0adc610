import { create, enumToJson, type MessageInitShape } from '@bufbuild/protobuf';
import {
  OciImageFormat,
  ProcessSpecSchema,
  type Workload,
  WorkloadSpecSchema,
  WorkloadState,
  type Zone,
  type ZoneSpecSchema,
  ZoneState,
  ZoneStateSchema,
} from '@protect/proto/control-common';
import type { ControlClient } from '../../scripts/stack/control-client.ts';

/** What a finished command printed and how it ended. */
export interface CommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Beside events, states are looked at this often: a watch may begin after the hop it waits for. */
const lookAgainMs = 500;
const deadlineMs = 60_000;

/** Creates a zone and waits until it is READY; a failed zone is an error with its reason. */
export async function launchZone(
  client: ControlClient,
  spec: MessageInitShape<typeof ZoneSpecSchema> = {},
): Promise<Zone> {
  const { zoneId } = await client.createZone({ spec });
  const zone = await zoneInState(client, zoneId, [ZoneState.READY, ZoneState.FAILED, ZoneState.EXITED]);
  if (zone.status?.state !== ZoneState.READY) {
    throw new Error(
      `zone ${zoneId} is ${zoneStateName(zone.status?.state ?? ZoneState.UNKNOWN)}: ${zone.status?.errorStatus?.message}`,
    );
  }
  return zone;
}

export async function zoneInState(
  client: ControlClient,
  zoneId: string,
  states: readonly ZoneState[],
): Promise<Zone> {
  return eventually(client, `zone ${zoneId} in ${states.map(zoneStateName).join(' or ')}`, async () => {
    const { zone } = await client.getZone({ zoneId });
    return zone && states.includes(zone.status?.state ?? ZoneState.UNKNOWN) ? zone : undefined;
  });
}

/** Destroys a zone and waits until nobody lists it any more. */
export async function destroyZone(client: ControlClient, zoneId: string): Promise<void> {
  await client.destroyZone({ zoneId });
  await eventually(client, `zone ${zoneId} gone`, async () =>
    (await listZones(client)).some(({ id }) => id === zoneId) ? undefined : true,
  );
}

/** Destroys a workload and waits until nobody lists it any more. */
export async function destroyWorkload(client: ControlClient, workloadId: string): Promise<void> {
  await client.destroyWorkload({ workloadId });
  await eventually(client, `workload ${workloadId} gone`, async () =>
    (await listWorkloads(client)).some(({ id }) => id === workloadId) ? undefined : true,
  );
}

export async function listZones(client: ControlClient): Promise<Zone[]> {
  const zones: Zone[] = [];
  for await (const reply of client.listZones({})) zones.push(...reply.zones);
  return zones;
}

export async function listWorkloads(client: ControlClient): Promise<Workload[]> {
  const workloads: Workload[] = [];
  for await (const reply of client.listWorkloads({})) workloads.push(...reply.workloads);
  return workloads;
}

/** Pulls an image as SquashFS and gives its digest. */
export async function pullImage(client: ControlClient, image: string): Promise<string> {
  let digest = '';
  for await (const reply of client.pullImage({ image, format: OciImageFormat.SQUASHFS })) {
    digest = reply.spec?.digest || digest;
  }
  return digest;
}

/** What a test may say about a workload beyond its command. */
export interface WorkloadOptions {
  readonly name?: string;
  readonly hostname?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly privileged?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Creates and starts a workload; gives its id. */
export async function launchWorkload(
  client: ControlClient,
  zoneId: string,
  image: string,
  command: readonly string[],
  options: WorkloadOptions = {},
): Promise<string> {
  const digest = await pullImage(client, image);
  const spec = create(WorkloadSpecSchema, {
    zoneId,
    name: options.name ?? '',
    hostname: options.hostname ?? '',
    security: { privileged: options.privileged ?? false },
    image: { digest, format: OciImageFormat.SQUASHFS },
    process: create(ProcessSpecSchema, {
      command: [...command],
      environment: Object.entries(options.environment ?? {}).map(([key, value]) => ({ key, value })),
      stdin: options.stdin ?? false,
      tty: options.tty ?? false,
      stdout: true,
      stderr: true,
    }),
  });
  const { workloadId } = await client.createWorkload({ spec });
  await client.startWorkload({ workloadId });
  return workloadId;
}

/** Waits until the workload has ended; gives its exit code. */
export async function workloadEnd(client: ControlClient, workloadId: string): Promise<number> {
  const workload = await eventually(client, `workload ${workloadId} completed`, async () => {
    const { workload } = await client.getWorkload({ workloadId });
    const state = workload?.status?.state;
    return state === WorkloadState.COMPLETED || state === WorkloadState.FAILED ? workload : undefined;
  });
  if (workload.status?.state === WorkloadState.FAILED) throw new Error(workload.status.errorStatus?.message);
  return workload.status?.exitStatus?.code ?? Number.NaN;
}

/** Runs a command in a zone, or in a workload of it, to its end; `onOutput` is told of each piece of output. */
export async function execute(
  client: ControlClient,
  where: { zoneId?: string; workloadId?: string },
  command: readonly string[],
  stdin = '',
  onOutput: () => void = () => undefined,
): Promise<CommandResult> {
  async function* requests() {
    const process = { command: [...command], stdin: true, stdout: true, stderr: true };
    yield {
      request: {
        case: 'start' as const,
        value: { zoneId: where.zoneId ?? '', workloadId: where.workloadId ?? '', process },
      },
    };
    yield {
      request: { case: 'stdin' as const, value: { stdin: new TextEncoder().encode(stdin), closed: true } },
    };
  }
  const stdout: Uint8Array[] = [];
  const stderr: Uint8Array[] = [];
  let exitCode: number | undefined;
  for await (const { reply } of client.executeZoneCommand(requests(), {
    signal: AbortSignal.timeout(deadlineMs),
  })) {
    if (reply.case === 'output') {
      stdout.push(reply.value.stdout);
      stderr.push(reply.value.stderr);
      onOutput();
    } else if (reply.case === 'exited') {
      exitCode = reply.value.exitCode;
    }
  }
  if (exitCode === undefined) throw new Error(`${command.join(' ')}: the stream ended without an exit code`);
  const text = (parts: Uint8Array[]) => Buffer.concat(parts).toString('utf8');
  return { exitCode, stdout: text(stdout), stderr: text(stderr) };
}

/** Waits for `look` to give something: asked again at each event of the daemon, and from time to time. */
export async function eventually<T>(
  client: ControlClient,
  what: string,
  look: () => Promise<T | undefined>,
): Promise<T> {
  const watch = new AbortController();
  let wake = Promise.withResolvers<void>();
  const ticker = setInterval(() => wake.resolve(), lookAgainMs);
  const watching = (async () => {
    for await (const _ of client.watchEvents({}, { signal: watch.signal })) wake.resolve();
  })().catch(() => undefined);
  const until = performance.now() + deadlineMs;
  try {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (performance.now() > until) throw new Error(`not so after ${deadlineMs / 1000} s: ${what}`);
      await wake.promise;
      wake = Promise.withResolvers<void>();
    }
  } finally {
    clearInterval(ticker);
    watch.abort();
    await watching;
  }
}

function zoneStateName(state: ZoneState): string {
  return String(enumToJson(ZoneStateSchema, state));
}
