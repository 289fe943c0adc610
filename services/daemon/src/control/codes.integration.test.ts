import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodStreaming,
  type DescMethodUnary,
  type MessageInitShape,
} from '@bufbuild/protobuf';
import { Code, ConnectError, createRouterTransport, type Transport } from '@connectrpc/connect';
import { newWorkloadId, newZoneId } from '@protect/config/ids';
import { createImageStore } from '@protect/oci/pull';
import { ControlService } from '@protect/proto/control';
import { BadRequestSchema } from '@protect/proto/error-details';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWatchHub } from '../events/watch-hub.ts';
import { kernelProcessors } from '../host/processors.ts';
import { createIdmSnoop } from '../idm/snoop.ts';
import { createImageLookup } from '../images/image-lookup.ts';
import { type TestDaemon, type TestHost, testHost } from '../testing/test-daemon.ts';
import { zoneRecordOf } from '../zones/test-zone.ts';
import { errorInterceptor } from './interceptor.ts';
import { controlService } from './service.ts';

type Methods = typeof ControlService.method;
type MethodName = keyof Methods;
type Request<M extends MethodName> = MessageInitShape<Methods[M]['input']>;

/** How a call with this request (the only one, or the first of a stream) ends. */
interface Case<M extends MethodName> {
  readonly request: Request<M>;
  readonly code: 'Ok' | keyof typeof Code;
  /** Fields that INVALID_ARGUMENT names. */
  readonly fields?: readonly string[];
  readonly timeoutMs?: number;
}

/** A number that no enum has, as a newer client may send it. */
const noneSuch = 99 as never;
const unknown = '00000000-0000-4000-8000-00000000ffff';
const digest = `sha256:${'0'.repeat(64)}`;
const image = { digest };
/** A zone that is on its way, and stays there. */
const making = zoneRecordOf({ id: newZoneId() });
const gone = zoneRecordOf({ id: newZoneId(), status: { state: 'exited', exitCode: 1 } });

const noZoneId = { request: { zoneId: '../etc' }, code: 'InvalidArgument', fields: ['zone_id'] } as const;
const unknownZone = { request: { zoneId: unknown }, code: 'NotFound' } as const;
const noWorkloadId = {
  request: { workloadId: 'x' },
  code: 'InvalidArgument',
  fields: ['workload_id'],
} as const;
const unknownWorkload = { request: { workloadId: unknown }, code: 'NotFound' } as const;
const ok = { request: {}, code: 'Ok' } as const;

/** Every method there is; those that are not done yet answer UNIMPLEMENTED to all of it. */
const cases: { readonly [M in MethodName]: readonly Case<M>[] } = {
  getHostStatus: [ok],
  snoopIdm: [{ request: {}, code: 'DeadlineExceeded', timeoutMs: 50 }],
  getHostCpuTopology: [ok],
  listDevices: [ok],
  createNetworkReservation: [ok],
  destroyNetworkReservation: [
    { request: { reservationId: 'x' }, code: 'InvalidArgument', fields: ['reservation_id'] },
    { request: { reservationId: unknown }, code: 'NotFound' },
  ],
  listNetworkReservations: [ok],
  pullImage: [
    { request: { image: 'UPPER CASE' }, code: 'InvalidArgument' },
    { request: { image: 'oci:/nowhere' }, code: 'NotFound' },
    { request: { image: 'oci:/nowhere', format: noneSuch }, code: 'InvalidArgument', fields: ['format'] },
  ],
  importImage: [{ request: { image: 'a', chunk: new Uint8Array(1) }, code: 'InvalidArgument' }],
  removeImage: [
    { request: { digest: 'x' }, code: 'InvalidArgument', fields: ['digest'] },
    { request: { digest, format: noneSuch }, code: 'InvalidArgument', fields: ['format'] },
    { request: { digest }, code: 'Ok' },
  ],
  listImages: [ok],
  createZone: [
    { request: {}, code: 'InvalidArgument', fields: ['spec'] },
    {
      request: { spec: { name: 'a\nb', initialResources: { maxCpus: 5000, adjustmentPolicy: 1 } } },
      code: 'InvalidArgument',
      fields: ['spec.name', 'spec.initial_resources.max_cpus'],
    },
    {
      request: { spec: { initialResources: { adjustmentPolicy: noneSuch } } },
      code: 'InvalidArgument',
      fields: ['spec.initial_resources.adjustment_policy'],
    },
    {
      request: { spec: { kernel: { digest: 'x' } } },
      code: 'InvalidArgument',
      fields: ['spec.kernel.digest'],
    },
    { request: { spec: { kernel: image } }, code: 'NotFound' },
    {
      request: {
        spec: {
          kernelOptions: { modules: ['../x'], sysctlParameters: [{ key: '../x', value: '1' }] },
          networkOptions: { dnsConfig: { nameservers: ['nowhere'] } },
        },
      },
      code: 'InvalidArgument',
      fields: [
        'spec.kernel_options.modules[0]',
        'spec.kernel_options.sysctl_parameters[0].key',
        'spec.network_options.dns_config.nameservers[0]',
      ],
    },
    { request: { spec: { initialResources: { maxMemory: 100_000n } } }, code: 'ResourceExhausted' },
    { request: { spec: { virtualizationOptions: { backend: 2 } } }, code: 'FailedPrecondition' },
    {
      request: { spec: { scratchDisk: { backend: { case: 'block', value: { device: 'none' } } } } },
      code: 'NotFound',
    },
  ],
  destroyZone: [noZoneId, unknownZone],
  resolveZoneId: [{ request: { name: 'nobody' }, code: 'NotFound' }],
  resolveZoneIds: [{ request: { name: 'nobody' }, code: 'NotFound' }],
  getZone: [noZoneId, unknownZone, { request: { zoneId: making.id }, code: 'Ok' }],
  listZones: [ok],
  updateZoneResources: [
    noZoneId,
    unknownZone,
    { request: { zoneId: gone.id }, code: 'InvalidArgument', fields: ['resources'] },
    {
      request: { zoneId: gone.id, resources: { adjustmentPolicy: noneSuch } },
      code: 'InvalidArgument',
      fields: ['resources.adjustment_policy'],
    },
    { request: { zoneId: gone.id, resources: { targetMemory: 512n } }, code: 'FailedPrecondition' },
  ],
  configureZoneNetwork: [
    noZoneId,
    unknownZone,
    { request: { zoneId: gone.id }, code: 'InvalidArgument', fields: ['config'] },
    {
      request: { zoneId: gone.id, config: { routes: [{ destination: '::/0', outputInterface: 'x' }] } },
      code: 'InvalidArgument',
      fields: ['config.routes[0].output_interface'],
    },
    { request: { zoneId: gone.id, config: {} }, code: 'FailedPrecondition' },
  ],
  attachZoneConsole: [noZoneId, unknownZone],
  executeZoneCommand: [
    { request: {}, code: 'InvalidArgument', fields: ['start'] },
    {
      request: { request: { case: 'start', value: {} } },
      code: 'InvalidArgument',
      fields: ['start.zone_id'],
    },
    {
      request: { request: { case: 'start', value: { zoneId: 'x' } } },
      code: 'InvalidArgument',
      fields: ['start.zone_id'],
    },
    {
      request: { request: { case: 'start', value: { zoneId: making.id } } },
      code: 'InvalidArgument',
      fields: ['start.process.command'],
    },
    {
      request: { request: { case: 'start', value: { zoneId: unknown, process: { command: ['true'] } } } },
      code: 'NotFound',
    },
    {
      request: { request: { case: 'start', value: { workloadId: unknown, process: { command: ['true'] } } } },
      code: 'NotFound',
    },
    {
      request: { request: { case: 'start', value: { zoneId: gone.id, process: { command: ['true'] } } } },
      code: 'FailedPrecondition',
    },
    {
      request: { request: { case: 'start', value: { zoneId: making.id, process: { command: ['true'] } } } },
      code: 'DeadlineExceeded',
      timeoutMs: 50,
    },
  ],
  readZoneMetrics: [noZoneId, unknownZone, { request: { zoneId: gone.id }, code: 'FailedPrecondition' }],
  monitorZoneKernelEvents: [noZoneId, unknownZone],
  createWorkload: [
    { request: {}, code: 'InvalidArgument', fields: ['spec'] },
    { request: { spec: { zoneId: unknown } }, code: 'InvalidArgument', fields: ['spec.image'] },
    { request: { spec: { zoneId: 'x', image } }, code: 'InvalidArgument', fields: ['spec.zone_id'] },
    {
      request: { spec: { zoneId: unknown, image, name: 'a\nb', hostname: 'a b' } },
      code: 'InvalidArgument',
      fields: ['spec.name', 'spec.hostname'],
    },
    {
      request: { spec: { zoneId: unknown, image, security: { disableNamespaces: [0, noneSuch] } } },
      code: 'InvalidArgument',
      fields: ['spec.security.disable_namespaces[1]'],
    },
    {
      request: {
        spec: {
          zoneId: unknown,
          image,
          security: { raiseCapabilities: ['FLY'], disableNamespaces: [0] },
          cgroupLimits: [{ limitName: 'memory', value: '1' }],
          scratchMount: [{ path: 'x' }],
        },
      },
      code: 'InvalidArgument',
      fields: [
        'spec.security.raise_capabilities[0]',
        'spec.security.disable_namespaces[0]',
        'spec.cgroup_limits[0]',
        'spec.scratch_mount[0].path',
      ],
    },
    { request: { spec: { zoneId: unknown, image } }, code: 'NotFound' },
    { request: { spec: { zoneId: gone.id, image } }, code: 'FailedPrecondition' },
  ],
  startWorkload: [noWorkloadId, unknownWorkload],
  stopWorkload: [
    noWorkloadId,
    unknownWorkload,
    { request: { workloadId: unknown, timeout: 100_000n }, code: 'InvalidArgument', fields: ['timeout'] },
  ],
  destroyWorkload: [noWorkloadId, unknownWorkload],
  attachWorkloadConsole: [noWorkloadId, unknownWorkload],
  resolveWorkloadId: [{ request: { name: 'nobody' }, code: 'NotFound' }],
  resolveWorkloadIds: [{ request: { name: 'nobody' }, code: 'NotFound' }],
  listWorkloads: [ok],
  getWorkload: [noWorkloadId, unknownWorkload],
  watchEvents: [{ request: {}, code: 'DeadlineExceeded', timeoutMs: 50 }],
  readHypervisorConsole: [{ request: {}, code: 'FailedPrecondition' }],
  hypervisorDebugInfo: [{ request: {}, code: 'FailedPrecondition' }],
  setHostPowerManagementPolicy: [ok, { request: { smtAwareness: true }, code: 'FailedPrecondition' }],
  dialNetworkSocket: [
    { request: {}, code: 'InvalidArgument', fields: ['start'] },
    {
      request: { request: { case: 'start', value: { zoneId: making.id, address: 'localhost', port: 80 } } },
      code: 'InvalidArgument',
      fields: ['start.address'],
    },
    {
      request: { request: { case: 'start', value: { zoneId: making.id } } },
      code: 'InvalidArgument',
      fields: ['start.port'],
    },
    {
      request: { request: { case: 'start', value: { zoneId: gone.id, port: 80 } } },
      code: 'FailedPrecondition',
    },
    {
      request: { request: { case: 'start', value: { zoneId: unknown, port: 80 } } },
      code: 'NotFound',
    },
  ],
};

let host: TestHost;
let daemon: TestDaemon;
let transport: Transport;

beforeAll(async () => {
  host = await testHost();
  // Nothing of these is to be taken up: they stay as they are.
  daemon = await host.daemon();
  await daemon.state.zones.insert(making);
  await daemon.state.zones.insert(gone);
  const hostUuid = newWorkloadId();
  const imageStore = createImageStore({ cacheDir: host.paths.imageCache });
  const methods = controlService({
    ...daemon.deps,
    ...daemon,
    hostUuid,
    hostStatus: { read: async () => ({ hostUuid }), refresh: async () => undefined },
    imageStore,
    images: createImageLookup(imageStore),
    processors: kernelProcessors,
    snoop: createIdmSnoop(),
    watchHub: createWatchHub(),
  });
  transport = createRouterTransport((router) => void router.service(ControlService, methods), {
    router: { interceptors: [errorInterceptor(host.logger)] },
  });
});

afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
});

/** Calls any method with one message; the error that it ends with. */
async function outcome(
  name: MethodName,
  request: MessageInitShape<DescMessage>,
  timeoutMs?: number,
): Promise<ConnectError | undefined> {
  const method = ControlService.methods.find(({ localName }) => localName === name);
  if (method === undefined) throw new Error(`there is no method ${name}`);
  const message = create(method.input, request);
  async function* only() {
    yield message;
  }
  try {
    if (isUnary(method)) {
      await transport.unary(method, undefined, timeoutMs, undefined, message);
    } else if (isStreaming(method)) {
      const response = await transport.stream(method, undefined, timeoutMs, undefined, only());
      for await (const _ of response.message);
    }
    return undefined;
  } catch (error) {
    return ConnectError.from(error);
  }
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === 'unary';
}

function isStreaming(method: DescMethod): method is DescMethodStreaming {
  return method.methodKind !== 'unary';
}

const names = Object.keys(cases).filter((key): key is MethodName => key in ControlService.method);
const rows = names.flatMap((name) => cases[name].map((one) => [name, one.code, one] as const));

describe('the code of a call', () => {
  it.each(rows)('%s: %s', async (name, code, { request, fields, timeoutMs }) => {
    const error = await outcome(name, request, timeoutMs);
    if (error?.code === Code.Unimplemented && /is not available yet$/.test(error.rawMessage)) return;
    const told = error === undefined ? 'Ok' : Code[error.code];
    expect(`${told} ${error?.rawMessage ?? ''}`).toMatch(new RegExp(`^${code} `));
    if (fields === undefined) return;
    const named = error?.findDetails(BadRequestSchema).flatMap((details) => details.fieldViolations);
    expect(named?.map(({ field }) => field)).toEqual(fields);
    for (const { description } of named ?? []) expect(error?.rawMessage).toContain(description);
  });

  it('is UNAVAILABLE when a service stays away, which is named', async () => {
    const away = new ConnectError('protect-network is not on the bus', Code.Unavailable);
    host.peers.failOn('network.listReservations', away);
    const error = await outcome('listNetworkReservations', {});
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(error?.rawMessage).toContain('protect-network');
  });

  it('is never UNKNOWN, whatever a service answers', async () => {
    host.peers.failOn('network.createReservation', new ConnectError('eh', Code.Unknown));
    expect(await outcome('createNetworkReservation', {})).toMatchObject({ code: Code.Internal });
    host.peers.failOn('network.createReservation', new Error('password=secret'));
    const error = await outcome('createNetworkReservation', {});
    expect(error).toMatchObject({ code: Code.Internal });
    expect(error?.message).not.toContain('secret');
  });
});
