import { PassThrough } from 'node:stream';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import type { ZoneId } from '@protect/config/ids';
import { HelloSchema, type Response, ResponseSchema } from '@protect/proto/idm';
import type { Domain, DomainEnd, DomainSpec, Hypervisor } from '../hypervisor/hypervisor.ts';
import { untold } from '../hypervisor/qemu/untold.ts';
import type { IdmConnection, RequestInit } from '../idm/connection.ts';
import type { IdmLink } from '../idm/link.ts';

/** A machine that only exists in the test. */
export interface FakeMachine {
  readonly domain: Domain;
  readonly disks: Set<string>;
  /** What it has been given since its start, in this order. */
  readonly sizes: string[];
  /** Requests that the zone got, by their case. */
  readonly requests: RequestInit[];
  end(end: DomainEnd): void;
}

/** A hypervisor whose machines outlive the daemon under test, as real ones do. */
export function fakeHypervisor() {
  const machines = new Map<ZoneId, FakeMachine>();
  const started: DomainSpec[] = [];
  let failure: Error | undefined;
  let gate: Promise<void> | undefined;
  let linkKind: 'tap' | 'vif' = 'tap';

  const hypervisor: Hypervisor = {
    capabilities: {
      name: 'qemu',
      virtualizationBackends: ['qemu'],
      diskHotplug: true,
      memoryBalloon: true,
      cpuHotplug: true,
      hypervisorConsole: false,
      pciPassthrough: false,
      acceleration: 'tcg',
      get linkKind() {
        return linkKind;
      },
    },
    async start(spec, signal) {
      await gate;
      signal.throwIfAborted();
      if (failure !== undefined) throw failure;
      for (const link of spec.links) if (link.kind === 'vif') await link.attach('vif7.0', signal);
      started.push(spec);
      const machine = fakeMachine(spec.zoneId, () => machines.delete(spec.zoneId));
      machines.set(spec.zoneId, machine);
      return machine.domain;
    },
    adopt: async (zoneId) => machines.get(zoneId)?.domain,
    list: async () => [...machines.keys()],
    readConsole: () => Promise.reject(untold('hypervisor console')),
    debugInfo: () => Promise.reject(untold('hypervisor debug information')),
  };
  return {
    hypervisor,
    machines,
    started,
    failWith: (error: Error) => {
      failure = error;
    },
    /** Its back end makes the host's end of links from now on. */
    makeVifs: () => {
      linkKind = 'vif';
    },
    /** Starts wait until this settles. */
    holdStarts: (until: Promise<void>) => {
      gate = until;
    },
  };
}

/** What the hypervisor counts of every machine in a test. */
const usage = {
  cpuSeconds: 2,
  vcpus: [{ cpu: 0, seconds: 1.5 }],
  memoryMaxBytes: 256 * 1024 ** 2,
  memoryTotalBytes: 200 * 1024 ** 2,
  memoryOutstandingBytes: undefined,
};

function fakeMachine(zoneId: ZoneId, gone: () => void): FakeMachine {
  const ended = Promise.withResolvers<DomainEnd>();
  const disks = new Set<string>();
  const sizes: string[] = [];
  const requests: RequestInit[] = [];
  const end = (how: DomainEnd) => {
    gone();
    ended.resolve(how);
  };
  const domain: Domain = {
    zoneId,
    domid: 4711,
    ended: ended.promise,
    openIdm: async () => new PassThrough(),
    openConsole: async () => new PassThrough(),
    attachDisk: async ({ serial }) => void disks.add(serial),
    detachDisk: async (serial) => void disks.delete(serial),
    listDisks: async () => [...disks],
    setMemory: async (memoryMib) => void sizes.push(`${memoryMib} MiB`),
    setCpus: async (cpus) => void sizes.push(`${cpus} CPUs`),
    usage: async () => usage,
    pause: async () => undefined,
    resume: async () => undefined,
    destroy: async () => end({ kind: 'lost', message: 'destroyed' }),
    close: () => undefined,
  };
  return { domain, disks, sizes, requests, end };
}

/** What the zone's init answers; by default everything succeeds. */
export type Answer = (request: RequestInit) => Promise<Response> | Response;

/** A channel to a zone whose init answers at once. */
export function fakeLink(machine: FakeMachine, answer: Answer = succeed): IdmLink {
  const closed = Promise.withResolvers<string>();
  const connection: IdmConnection = {
    hello: async () => create(HelloSchema),
    async request(request) {
      machine.requests.push(request);
      return await answer(request);
    },
    exec: () => {
      throw new ConnectError('not in this test', Code.Unimplemented);
    },
    workloadIo: () => {
      throw new ConnectError('not in this test', Code.Unimplemented);
    },
    dial: () => {
      throw new ConnectError('not in this test', Code.Unimplemented);
    },
    onEvent: () => () => undefined,
    closed: closed.promise,
    close: () => closed.resolve('closed'),
  };
  return {
    hello: create(HelloSchema),
    async connected(signal) {
      signal.throwIfAborted();
      return connection;
    },
    async close() {
      closed.resolve('closed');
    },
  };
}

function succeed(request: RequestInit): Response {
  if (request.case === 'startWorkload') {
    return create(ResponseSchema, { response: { case: 'startWorkload', value: { run: 1 } } });
  }
  return create(ResponseSchema, { response: { case: 'done', value: {} } });
}
