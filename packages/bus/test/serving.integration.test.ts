import {
  Code,
  ConnectError,
  createClient,
  createContextKey,
  createContextValues,
  type Interceptor,
} from '@connectrpc/connect';
import type { ServiceName } from '@protect/config/paths';
import { HealthService } from '@protect/proto/health';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/connection.ts';
import { maxCallsPerMethod, windowBytes } from '../src/limits.ts';
import { serveOnBus } from '../src/serve.ts';
import type { BusUser } from '../src/subjects.ts';
import { createBusTransport } from '../src/transport.ts';
import { echoRoutes } from './echo-handlers.ts';
import { EchoService } from './echo-service.ts';
import { type EchoStand, never, openEchoStand, silent } from './echo-stand.ts';
import type { Stand } from './stand.ts';

let echo: EchoStand;
let stand: Stand;
let daemon: Bus;
let client: EchoStand['client'];

beforeAll(async () => {
  echo = await openEchoStand();
  ({ stand, daemon, client } = echo);
});

afterAll(() => echo[Symbol.asyncDispose]());

test('serving: a reader that stalls holds its own stream only', async () => {
  const stop = new AbortController();
  const value = Buffer.alloc(10_000);
  const reader = client.repeat({ value }, { signal: stop.signal })[Symbol.asyncIterator]();
  await reader.next();
  const before = echo.sent;
  const latencies: number[] = [];
  for (let index = 0; index < 200; index += 1) {
    const begun = performance.now();
    await client.echo({ value });
    latencies.push(performance.now() - begun);
  }
  expect((echo.sent - before) * value.length).toBeLessThan(2 * windowBytes);
  expect(latencies.sort((a, b) => a - b)[100]).toBeLessThan(50);
  await reader.next();
  stop.abort();
});

test('serving: one method takes a limited number of calls, which no other method feels', async () => {
  const stop = new AbortController();
  const begun = echo.started(maxCallsPerMethod);
  const calls = Array.from({ length: maxCallsPerMethod }, () =>
    client.hang({}, { signal: stop.signal }).catch(() => {}),
  );
  await begun;
  await expect(client.hang({})).rejects.toMatchObject({ code: Code.ResourceExhausted });
  await expect(client.echo({})).resolves.toBeDefined();
  stop.abort();
  await Promise.all(calls);
});

test('serving: who serves learns who calls before a request is read, and may refuse it', async () => {
  const callerKey = createContextKey<BusUser | undefined>(undefined);
  const gated: unknown[] = [];
  const served = await serveOnBus(daemon, echoRoutes(), {
    contextValues: (caller) => createContextValues().set(callerKey, caller),
    requestGate({ values, method }) {
      gated.push([method.name, values.get(callerKey)]);
      if (values.get(callerKey) === 'cri') throw new ConnectError('not you', Code.PermissionDenied);
    },
  });
  const clientOf = async (service: ServiceName) =>
    createClient(
      EchoService,
      createBusTransport(await stand.connect(service), 'daemon', { defaultTimeoutMs: 5_000 }),
    );
  const orchestrator = await clientOf('orchestrator');
  await expect(orchestrator.echo({})).resolves.toBeDefined();
  await expect(orchestrator.talk(silent())[Symbol.asyncIterator]().next()).resolves.toBeDefined();
  const cri = await clientOf('cri');
  await expect(cri.echo({})).rejects.toMatchObject({ code: Code.PermissionDenied });
  await expect(cri.repeat({})[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    rawMessage: 'not you',
  });
  expect(gated).toEqual([
    ['Echo', 'orchestrator'],
    ['Talk', 'orchestrator'],
    ['Echo', 'cri'],
    ['Repeat', 'cri'],
  ]);
  await served[Symbol.asyncDispose]();
});

test('serving: two methods of one name in one process are refused', async () => {
  await expect(serveOnBus(echo.storage, echoRoutes())).rejects.toThrow(/serves two methods named Echo/);
});

test('serving: disposing of what is served lets calls end, then nobody is there', async () => {
  const orchestrator = await stand.connect('orchestrator');
  const served = await serveOnBus(orchestrator, (router) => {
    router.service(HealthService, { check: () => ({ ready: true }) });
  });
  const health = createClient(
    HealthService,
    createBusTransport(daemon, 'orchestrator', { defaultTimeoutMs: 5_000 }),
  );
  await expect(health.check({})).resolves.toMatchObject({ ready: true });
  await served[Symbol.asyncDispose]();
  await orchestrator.flush();
  await expect(health.check({})).rejects.toMatchObject({ code: Code.Unavailable });
});

test('serving: a service that stops ends its streams at once, and its other calls soon', async () => {
  const cri = await stand.connect('cri');
  const stopping = await stand.connect('daemon');
  const { promise: underWay, resolve } = Promise.withResolvers<void>();
  let begun = 0;
  const served = await serveOnBus(
    stopping,
    echoRoutes({
      onStart: () => {
        begun += 1;
        if (begun === 2) resolve();
      },
    }),
  );
  const calls = createClient(EchoService, createBusTransport(cri, 'daemon', { defaultTimeoutMs: 60_000 }));
  const endedAt: Record<string, number> = {};
  const unavailable = async (name: string, call: Promise<unknown>) => {
    await expect(call).rejects.toMatchObject({ code: Code.Unavailable });
    endedAt[name] = performance.now();
  };
  const talk = async () => {
    for await (const _ of calls.talk(never()));
  };
  const both = Promise.all([unavailable('talk', talk()), unavailable('hang', calls.hang({}))]);
  await underWay;
  const stoppedAt = performance.now();
  await served[Symbol.asyncDispose]();
  await both;
  expect((endedAt.talk ?? 0) - stoppedAt).toBeLessThan(500);
  expect((endedAt.hang ?? 0) - stoppedAt).toBeLessThan(4_000);
});

test('serving: interceptors run around calls on both sides, and may refuse them', async () => {
  const order: string[] = [];
  const noting =
    (name: string): Interceptor =>
    (next) =>
    async (request) => {
      order.push(`${name} ${request.method.name}`);
      return next(request);
    };
  const refusing: Interceptor = (next) => async (request) => {
    if (request.header.get('x-token') !== 'open') throw new ConnectError('no token', Code.Unauthenticated);
    return next(request);
  };
  const network = await openServing('network', [noting('server'), refusing]);
  const options = { defaultTimeoutMs: 5_000, interceptors: [noting('client')] };
  const other = createClient(EchoService, createBusTransport(daemon, 'network', options));
  await expect(other.echo({})).rejects.toMatchObject({ code: Code.Unauthenticated });
  await other.echo({}, { headers: { 'x-token': 'open' } });
  const talk = async () => {
    for await (const _ of other.talk(silent()));
  };
  await expect(talk()).rejects.toMatchObject({ code: Code.Unauthenticated });
  expect(order).toEqual(['Echo', 'Echo', 'Talk'].flatMap((name) => [`client ${name}`, `server ${name}`]));
  await network.close();
});

test('serving: headers and trailers that are too large fail their call, not the connection', async () => {
  const network = await openServing('network', [
    (next) => async (request) => {
      const response = await next(request);
      response.trailer.set('x-large', 'x'.repeat(2 * 1024 * 1024));
      return response;
    },
  ]);
  const other = createClient(EchoService, createBusTransport(daemon, 'network', { defaultTimeoutMs: 5_000 }));
  await expect(other.echo({})).rejects.toMatchObject({ code: Code.ResourceExhausted });
  const headers = { 'x-large': 'x'.repeat(2 * 1024 * 1024) };
  await expect(other.echo({}, { headers })).rejects.toMatchObject({ code: Code.ResourceExhausted });
  expect(daemon.connected && network.connected).toBe(true);
  await network.close();
});

async function openServing(service: ServiceName, interceptors: Interceptor[]): Promise<Bus> {
  const bus = await stand.connect(service);
  await serveOnBus(bus, echoRoutes(), { interceptors });
  return bus;
}
