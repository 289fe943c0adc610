import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import {
  ControlService,
  type CreateWorkloadRequest,
  type CreateZoneRequest,
  type ExecuteZoneCommandRequest,
  WatchEventsReplySchema,
  type WorkloadConsoleRequest,
} from '@protect/proto/control';
import {
  OciImageFormat,
  OciImageFormatSchema,
  OciImageProgressPhase,
  type OciImageProgressSchema,
  type Workload,
  WorkloadSchema,
  WorkloadState,
  type Zone,
  ZoneNetworkIpVersion,
  ZoneSchema,
  ZoneState,
} from '@protect/proto/control-common';

export const zoneId = '6f2a8f1e-0c1b-4d7e-9a55-0d5e6c1b2a3f';
export const workloadId = '0a4e1b7c-93d2-4f58-8f0e-7b1c2d3e4f50';

/** A daemon of the control API that keeps what it is told, for tests of its client. */
export interface FakeDaemon {
  readonly routes: (router: ConnectRouter) => void;
  readonly zones: Map<string, Zone>;
  readonly workloads: Map<string, Workload>;
  readonly created: { zones: CreateZoneRequest[]; workloads: CreateWorkloadRequest[] };
  /** Zones whose images are to be read anew. */
  readonly imagesAnew: string[];
  readonly destroyed: string[];
  readonly pulled: string[];
  /** What the console of the workload, or a command, was told, as text. */
  readonly input: string[];
  readonly commands: ExecuteZoneCommandRequest[];
  /** The state that zones have when asked after their creation, in order; the last one stays. */
  zoneStates: ZoneState[];
  /** Replaces the behaviour of a workload's console. */
  console: (
    requests: AsyncIterable<WorkloadConsoleRequest>,
  ) => AsyncIterable<{ stdout?: Uint8Array; stderr?: Uint8Array }>;
  /** Zones outlive their destruction. */
  keepsZones: boolean;
  /** How often a zone was asked for. */
  looks: number;
  /** What a pull tells before its result. */
  pullProgress: () => AsyncIterable<MessageInitShape<typeof OciImageProgressSchema>>;
  /** Understands the header `protect-follow: false`. */
  endsWithHistory: boolean;
  /** Exit code of commands and workloads. */
  exitCode: number;
}

export function createFakeDaemon(): FakeDaemon {
  const notFound = (what: string) => new ConnectError(`there is no ${what}`, Code.NotFound);
  const daemon: FakeDaemon = {
    routes,
    zones: new Map(),
    workloads: new Map(),
    created: { zones: [], workloads: [] },
    imagesAnew: [],
    destroyed: [],
    pulled: [],
    input: [],
    commands: [],
    zoneStates: [ZoneState.READY],
    keepsZones: false,
    looks: 0,
    async *pullProgress() {
      yield { phase: OciImageProgressPhase.RESOLVING };
    },
    endsWithHistory: false,
    exitCode: 0,
    async *console(requests) {
      yield { stdout: bytes('hello\n') };
      yield { stderr: bytes('warning\n') };
      for await (const request of requests) {
        if (request.stdin.length > 0) {
          daemon.input.push(text(request.stdin));
          yield { stdout: request.stdin };
        }
        if (request.stdinClosed || text(request.stdin).includes('exit')) break;
      }
    },
  };

  function routes(router: ConnectRouter): void {
    router.service(ControlService, {
      getHostStatus: () => ({
        hostUuid: 'b5c1d9a0-2222-4222-8222-222222222222',
        protectVersion: '0.1.0',
        hostIpv4: '10.75.0.1/16',
        hostIpv6: 'fdd4:1476:6c7e::1/48',
        hostMac: '02:00:00:00:00:01',
      }),
      createZone(request, { requestHeader }) {
        daemon.created.zones.push(request);
        if (requestHeader.get('protect-overwrite-cache') === 'true') daemon.imagesAnew.push(zoneId);
        addZone(daemon, { id: zoneId, name: request.spec?.name ?? '', state: ZoneState.CREATING });
        return { zoneId };
      },
      getZone(request) {
        daemon.looks++;
        const zone = daemon.zones.get(request.zoneId);
        if (zone === undefined) throw notFound(`zone ${request.zoneId}`);
        const next = daemon.zoneStates.length > 1 ? daemon.zoneStates.shift() : daemon.zoneStates[0];
        if (zone.status !== undefined && next !== undefined) zone.status.state = next;
        return { zone };
      },
      destroyZone(request) {
        daemon.destroyed.push(request.zoneId);
        if (!daemon.keepsZones) daemon.zones.delete(request.zoneId);
        return {};
      },
      resolveZoneId({ name }) {
        const found = [...daemon.zones.values()].find((zone) => zone.spec?.name === name || zone.id === name);
        if (found === undefined) throw notFound(`zone named "${name}"`);
        return { zoneId: found.id };
      },
      resolveZoneIds: ({ name }) => ({
        zoneIds: [...daemon.zones.values()].filter((zone) => zone.spec?.name === name).map(({ id }) => id),
      }),
      async *listZones() {
        yield { zones: [...daemon.zones.values()] };
      },
      async *attachZoneConsole(requests) {
        for await (const request of requests) {
          if (request.replayHistory) yield { data: bytes('[    0.000000] Linux version\n') };
          if (request.data.length > 0) daemon.input.push(text(request.data));
        }
      },
      async *executeZoneCommand(requests) {
        for await (const request of requests) {
          daemon.commands.push(request);
          if (request.request.case === 'start') {
            yield { reply: { case: 'output', value: { stdout: bytes('out\n'), stderr: bytes('err\n') } } };
          }
          if (request.request.case !== 'stdin') continue;
          daemon.input.push(text(request.request.value.stdin));
          if (request.request.value.closed) break;
        }
        yield { reply: { case: 'exited', value: { exitCode: daemon.exitCode } } };
      },
      createWorkload(request) {
        daemon.created.workloads.push(request);
        addWorkload(daemon, { id: workloadId, name: request.spec?.name ?? '', state: WorkloadState.CREATED });
        return { workloadId };
      },
      startWorkload(request) {
        setWorkload(daemon, request.workloadId, WorkloadState.RUNNING);
        return {};
      },
      stopWorkload(request) {
        setWorkload(daemon, request.workloadId, WorkloadState.COMPLETED);
        return {};
      },
      destroyWorkload(request) {
        daemon.destroyed.push(request.workloadId);
        daemon.workloads.delete(request.workloadId);
        return {};
      },
      getWorkload(request) {
        const workload = daemon.workloads.get(request.workloadId);
        if (workload === undefined) throw notFound(`workload ${request.workloadId}`);
        return { workload };
      },
      resolveWorkloadId({ name }) {
        const found = [...daemon.workloads.values()].find(
          (one) => one.spec?.name === name || one.id === name,
        );
        if (found === undefined) throw notFound(`workload named "${name}"`);
        return { workloadId: found.id };
      },
      async *listWorkloads() {
        yield { workloads: [...daemon.workloads.values()] };
      },
      async *attachWorkloadConsole(requests, context) {
        if (daemon.endsWithHistory && context.requestHeader.get('protect-follow') === 'false') {
          context.responseHeader.set('protect-follow', 'false');
        }
        const iterator = requests[Symbol.asyncIterator]();
        const first = await iterator.next();
        if (first.done === true) return;
        yield* daemon.console({ [Symbol.asyncIterator]: () => iterator });
        setWorkload(daemon, first.value.workloadId, WorkloadState.COMPLETED);
      },
      async *pullImage(request) {
        daemon.pulled.push(`${request.image} ${OciImageFormatSchema.value[request.format]?.name}`);
        for await (const progress of daemon.pullProgress()) yield { progress };
        yield { spec: { digest: `sha256:${'ab'.repeat(32)}`, format: request.format } };
      },
      async *listImages() {
        yield {
          images: [
            { digest: 'sha256:ab', format: OciImageFormat.SQUASHFS, names: ['oci:/images/busybox:latest'] },
          ],
        };
      },
      async *watchEvents() {
        for (const zone of daemon.zones.values()) {
          yield create(WatchEventsReplySchema, { event: { case: 'zoneChanged', value: { zone } } });
        }
        yield create(WatchEventsReplySchema, { event: { case: 'workloadChanged', value: {} } });
      },
    });
  }
  return daemon;
}

export function addZone(
  daemon: FakeDaemon,
  zone: { id: string; name: string; state: ZoneState; addresses?: readonly string[] },
): void {
  const ips = (zone.addresses ?? []).map((address) => ({
    version: address.includes(':') ? ZoneNetworkIpVersion.V6 : ZoneNetworkIpVersion.V4,
    address,
  }));
  daemon.zones.set(
    zone.id,
    create(ZoneSchema, {
      id: zone.id,
      spec: { name: zone.name },
      status: { state: zone.state, networkStatus: { interfaces: [{ zoneInterface: 'eth0', ips }] } },
    }),
  );
}

export function addWorkload(
  daemon: FakeDaemon,
  workload: { id: string; name: string; state: WorkloadState; tty?: boolean },
): void {
  daemon.workloads.set(
    workload.id,
    create(WorkloadSchema, {
      id: workload.id,
      spec: { name: workload.name, zoneId, process: { tty: workload.tty ?? false } },
      status: { state: workload.state },
    }),
  );
}

function setWorkload(daemon: FakeDaemon, id: string, state: WorkloadState): void {
  const found = daemon.workloads.get(id);
  if (found === undefined) return;
  const exitStatus = state === WorkloadState.COMPLETED ? { code: daemon.exitCode } : undefined;
  daemon.workloads.set(
    id,
    create(WorkloadSchema, {
      id,
      ...(found.spec === undefined ? {} : { spec: found.spec }),
      status: { state, ...(exitStatus === undefined ? {} : { exitStatus }) },
    }),
  );
}

function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

function text(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}
