import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient, type HandlerContext, type Interceptor } from '@connectrpc/connect';
import { HealthService } from '@protect/proto/health';
import type { ServiceName } from '@protect/service/paths';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/connection.ts';
import { maxCallsPerMethod, windowBytes } from '../src/limits.ts';
import { serveOnBus } from '../src/serve.ts';
import { createBusTransport } from '../src/transport.ts';
import { echoRoutes, type Interrupted } from './echo-handlers.ts';
import { EchoService } from './echo-service.ts';
import { openStand, type Stand } from './stand.ts';

let stand: Stand;
let storage: Bus;
let daemon: Bus;
let client: ReturnType<typeof echoClient>;
const started: HandlerContext[] = [];
const interrupted: Interrupted[] = [];
let onInterrupt = () => {};
let onStart = () => {};
let sent = 0;

function echoClient(bus: Bus) {
  return createClient(EchoService, createBusTransport(bus, 'storage', { defaultTimeoutMs: 20_000 }));
}

/** Settles when the next handler's signal has fired. */
function nextInterruption(): Promise<Interrupted | undefined> {
  const { promise, resolve } = Promise.withResolvers<Interrupted | undefined>();
  onInterrupt = () => resolve(interrupted.at(-1));
  return promise;
}

function nextStart(): Promise<HandlerContext | undefined> {
  const { promise, resolve } = Promise.withResolvers<HandlerContext | undefined>();
  onStart = () => resolve(started.at(-1));
  return promise;
}

beforeAll(async () => {
  stand = await openStand();
  [storage, daemon] = await Promise.all([stand.connect('storage'), stand.connect('daemon')]);
  await serveOnBus(
    storage,
    echoRoutes({
      onStart: (context) => {
        started.push(context);
        onStart();
      },
      onInterrupt: (what) => {
        interrupted.push(what);
        onInterrupt();
      },
      onSent: () => {
        sent += 1;
      },
    }),
  );
  client = echoClient(daemon);
});

afterAll(() => stand[Symbol.asyncDispose]());

test('calls: all four kinds of methods carry their messages', async () => {
  const value = Buffer.from('hello');
  expect(Buffer.from((await client.echo({ value })).value).toString()).toBe('hello');

  const stop = new AbortController();
  let count = 0;
  await expect(async () => {
    for await (const message of client.repeat({ value }, { signal: stop.signal })) {
      expect(Buffer.from(message.value)).toEqual(value);
      count += 1;
      if (count === 1_000) stop.abort();
    }
  }).rejects.toThrow(/canceled/);
  expect(count).toBe(1_000);

  const parts = async function* () {
    for (const part of ['a', 'b', 'c']) yield { value: Buffer.from(part) };
  };
  expect(Buffer.from((await client.collect(parts())).value).toString()).toBe('abc');

  const answers: string[] = [];
  const { promise: heard, resolve } = Promise.withResolvers<void>();
  const talk = async function* () {
    yield { value: Buffer.from('one') };
    // The second is only said when the first was answered: both directions are open at once.
    await heard;
    yield { value: Buffer.from('two') };
  };
  for await (const answer of client.talk(talk())) {
    answers.push(Buffer.from(answer.value).toString());
    resolve();
  }
  expect(answers).toEqual(['one', 'two']);
});

test('calls: a handler that ends early ends the stream while the caller still has something to say', async () => {
  const endless = async function* () {
    yield { value: Buffer.from('first') };
    while (true) yield { value: Buffer.from('end') };
  };
  const answers: string[] = [];
  for await (const answer of client.talk(endless())) answers.push(Buffer.from(answer.value).toString());
  expect(answers).toEqual(['first']);
});

test('calls: messages above max_payload go both ways, in calls of each kind', async () => {
  const value = Buffer.alloc(5 * 1024 * 1024 + 17, 'x');
  value[0] = 1;
  value[value.length - 1] = 2;
  expect(Buffer.compare((await client.echo({ value })).value, value)).toBe(0);
  const one = async function* () {
    yield { value };
  };
  for await (const answer of client.talk(one())) expect(Buffer.compare(answer.value, value)).toBe(0);
  expect(Buffer.compare((await client.collect(one())).value, value)).toBe(0);
});

test('calls: a message above the maximum is refused with resource_exhausted', async () => {
  const value = Buffer.alloc(65 * 1024 * 1024);
  await expect(client.echo({ value })).rejects.toMatchObject({ code: Code.ResourceExhausted });
  await expect(client.echo({ value: Buffer.from('still there') })).resolves.toBeDefined();
});

test('calls: codes, messages, details and metadata of errors arrive; headers and trailers too', async () => {
  const network = await stand.connect('network');
  const seen: (string | null)[] = [];
  await serveOnBus(network, (router) => {
    router.service(EchoService, {
      echo(_request, context) {
        seen.push(context.requestHeader.get('x-caller'));
        context.responseHeader.set('x-header', 'ä');
        context.responseTrailer.set('x-trailer', '2');
        return {};
      },
      hang() {
        throw new ConnectError('no such zone\r\nä', Code.NotFound, { 'x-why': 'because' }, [
          { desc: StringValueSchema, value: { value: 'zone 7' } },
        ]);
      },
      async *repeat(_request, context) {
        context.responseHeader.set('x-header', '3');
        yield {};
        throw new ConnectError('stale', Code.Aborted, undefined, [
          { desc: StringValueSchema, value: { value: 'generation 2' } },
        ]);
      },
      talk(_requests, context) {
        context.responseHeader.set('x-header', '4');
        context.responseTrailer.set('x-trailer', '5');
        return silent();
      },
      collect() {
        throw new Error('a secret of the service');
      },
    });
  });
  const other = createClient(EchoService, createBusTransport(daemon, 'network', { defaultTimeoutMs: 5_000 }));
  const got: { header?: string | null; trailer?: string | null } = {};
  const keep = (what: 'header' | 'trailer', headers: Headers) => {
    got[what] = headers.get(`x-${what}`);
  };
  await other.echo(
    {},
    {
      headers: { 'x-caller': 'daemon' },
      onHeader: (headers) => keep('header', headers),
      onTrailer: (trailers) => keep('trailer', trailers),
    },
  );
  expect(seen).toEqual(['daemon']);
  expect(got).toEqual({ header: 'ä', trailer: '2' });

  const unary = await other.hang({}).catch((error: unknown) => ConnectError.from(error));
  if (!(unary instanceof ConnectError)) throw new Error('the call did not fail');
  expect([unary.code, unary.rawMessage]).toEqual([Code.NotFound, 'no such zone\r\nä']);
  expect(unary.findDetails(StringValueSchema).map(({ value }) => value)).toEqual(['zone 7']);
  expect(unary.metadata.get('x-why')).toBe('because');

  let messages = 0;
  const read = async () => {
    for await (const _ of other.repeat({}, { onHeader: (h) => keep('header', h) })) {
      messages += 1;
    }
  };
  const stream = await read().catch((error: unknown) => ConnectError.from(error));
  if (!(stream instanceof ConnectError)) throw new Error('the stream did not fail');
  expect([messages, got.header, stream.code, stream.rawMessage]).toEqual([1, '3', Code.Aborted, 'stale']);
  expect(stream.findDetails(StringValueSchema).map(({ value }) => value)).toEqual(['generation 2']);

  for await (const _ of other.talk(silent(), {
    onHeader: (headers) => keep('header', headers),
    onTrailer: (trailers) => keep('trailer', trailers),
  }));
  expect(got).toEqual({ header: '4', trailer: '5' });

  const unexpected = await other.collect(silent()).catch((error: unknown) => ConnectError.from(error));
  expect(unexpected).toMatchObject({ code: Code.Internal });
  expect(String(unexpected)).not.toContain('secret');
  expect(stand.lines.some(({ message }) => message === 'a call failed')).toBe(true);
  await network.close();
});

test('calls: a deadline ends the call on both sides', async () => {
  const ended = nextInterruption();
  await expect(client.hang({}, { timeoutMs: 100 })).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(await ended).toMatchObject({ method: 'Hang' });
  const streamEnded = nextInterruption();
  const read = async () => {
    for await (const _ of client.talk(never(), { timeoutMs: 100 }));
  };
  await expect(read()).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(await streamEnded).toMatchObject({ method: 'Talk' });
});

test('calls: cancellation reaches the handler of a unary call and of a stream', async () => {
  for (const call of [
    (signal: AbortSignal) => client.hang({}, { signal }),
    async (signal: AbortSignal) => {
      for await (const _ of client.talk(never(), { signal }));
    },
  ]) {
    const begun = nextStart();
    const ended = nextInterruption();
    const stop = new AbortController();
    const failed = expect(call(stop.signal)).rejects.toMatchObject({ code: Code.Canceled });
    await begun;
    stop.abort();
    await failed;
    expect((await ended)?.reason).toMatchObject({ code: Code.Canceled });
  }
});

test('calls: nobody there fails at once with unavailable, naming the service and what to do', async () => {
  const cri = createClient(HealthService, createBusTransport(daemon, 'cri', { defaultTimeoutMs: 60_000 }));
  const begun = performance.now();
  const error = await cri.check({}).catch((thrown: unknown) => ConnectError.from(thrown));
  expect(error).toMatchObject({ code: Code.Unavailable });
  expect(String(error)).toMatch(/protect-cri does not answer Check on the bus; is it running/);
  expect(performance.now() - begun).toBeLessThan(1_000);
});

test('calls: a call that the credentials do not allow fails at once with permission_denied', async () => {
  const cri = await stand.connect('cri');
  await expect(echoClient(cri).echo({})).rejects.toMatchObject({ code: Code.PermissionDenied });
});

test('calls: a reader that stalls holds its own stream only', async () => {
  const stop = new AbortController();
  const value = Buffer.alloc(10_000);
  const reader = client.repeat({ value }, { signal: stop.signal })[Symbol.asyncIterator]();
  await reader.next();
  const before = sent;
  const latencies: number[] = [];
  for (let index = 0; index < 200; index += 1) {
    const begun = performance.now();
    await client.echo({ value });
    latencies.push(performance.now() - begun);
  }
  expect((sent - before) * value.length).toBeLessThan(2 * windowBytes);
  expect(latencies.sort((a, b) => a - b)[100]).toBeLessThan(50);
  await reader.next();
  stop.abort();
});

test('calls: one method takes a limited number of calls, which no other method feels', async () => {
  const stop = new AbortController();
  const begun = new Promise<void>((resolve) => {
    let count = 0;
    onStart = () => {
      count += 1;
      if (count === maxCallsPerMethod) resolve();
    };
  });
  const calls = Array.from({ length: maxCallsPerMethod }, () =>
    client.hang({}, { signal: stop.signal }).catch(() => {}),
  );
  await begun;
  await expect(client.hang({})).rejects.toMatchObject({ code: Code.ResourceExhausted });
  await expect(client.echo({})).resolves.toBeDefined();
  stop.abort();
  await Promise.all(calls);
});

test('calls: two methods of one name in one process are refused', async () => {
  await expect(serveOnBus(storage, echoRoutes())).rejects.toThrow(/serves two methods named Echo/);
});

test('calls: disposing of what is served lets calls end, then nobody is there', async () => {
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

test('calls: a service that stops ends its streams at once, and its other calls soon', async () => {
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

test('calls: interceptors run around calls on both sides, and may refuse them', async () => {
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

test('calls: headers and trailers that are too large fail their call, not the connection', async () => {
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

async function* silent(): AsyncGenerator<{ value: Uint8Array }> {}

async function* never(): AsyncGenerator<{ value: Uint8Array }> {
  await new Promise(() => {});
}
