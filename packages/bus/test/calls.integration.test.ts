import { StringValueSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { HealthService } from '@protect/proto/health';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Bus } from '../src/connection.ts';
import { serveOnBus } from '../src/serve.ts';
import { createBusTransport } from '../src/transport.ts';
import { EchoService } from './echo-service.ts';
import { type EchoStand, echoClient, never, openEchoStand, silent } from './echo-stand.ts';
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
  const ended = echo.interrupted();
  await expect(client.hang({}, { timeoutMs: 100 })).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(await ended).toMatchObject({ method: 'Hang' });
  const streamEnded = echo.interrupted();
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
    const begun = echo.started();
    const ended = echo.interrupted();
    const stop = new AbortController();
    const failed = expect(call(stop.signal)).rejects.toMatchObject({ code: Code.Canceled });
    await begun;
    stop.abort();
    await failed;
    expect((await ended).reason).toMatchObject({ code: Code.Canceled });
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
