import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Bus } from '../src/connection.ts';
import { serveOnBus } from '../src/serve.ts';
import { createBusTransport } from '../src/transport.ts';
import { startChild } from './child.ts';
import { echoRoutes, type Interrupted } from './echo-handlers.ts';
import { EchoService } from './echo-service.ts';
import { openStand, type Stand } from './stand.ts';

const echoProcess = new URL('./echo-process.ts', import.meta.url);
const callingProcess = new URL('./calling-process.ts', import.meta.url);

let stand: Stand;
let daemon: Bus;

beforeEach(async () => {
  stand = await openStand();
  daemon = await stand.connect('daemon');
});

afterEach(() => stand[Symbol.asyncDispose]());

function echoClient(bus: Bus) {
  return createClient(EchoService, createBusTransport(bus, 'storage', { defaultTimeoutMs: 60_000 }));
}

/** How a stream of answers without end ends. `onFirst` is told of the first. */
async function readToEnd(bus: Bus, onFirst: () => void): Promise<ConnectError> {
  try {
    for await (const _ of echoClient(bus).repeat({ value: new Uint8Array(100) })) onFirst();
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error('the stream ended without an error');
}

async function whenOff(bus: Bus): Promise<void> {
  if (!bus.connected) return;
  await new Promise<void>((resolve) => bus.onDisconnect(resolve));
}

test('outages: a service that is killed fails its calls within seconds, not at their deadline', async () => {
  await using child = startChild(echoProcess, [stand.paths.root]);
  expect(await child.firstLine).toBe('ready');
  const { promise: flowing, resolve } = Promise.withResolvers<void>();
  const stream = readToEnd(daemon, resolve);
  const hanging = echoClient(daemon)
    .hang({})
    .catch((error: unknown) => ConnectError.from(error));
  await flowing;
  const killedAt = performance.now();
  await child.kill('SIGKILL');
  for (const error of await Promise.all([stream, hanging])) {
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(String(error)).toContain('protect-storage');
  }
  expect(performance.now() - killedAt).toBeLessThan(5_000);
});

test('outages: a service that was restarted says that it does not know the calls of before', async () => {
  const first = startChild(echoProcess, [stand.paths.root]);
  await first.firstLine;
  const { promise: flowing, resolve } = Promise.withResolvers<void>();
  const stream = readToEnd(daemon, resolve);
  await flowing;
  await first.kill('SIGKILL');
  await using second = startChild(echoProcess, [stand.paths.root]);
  await second.firstLine;
  expect(await stream).toMatchObject({ code: Code.Unavailable });
  await expect(echoClient(daemon).echo({ value: new Uint8Array([1]) })).resolves.toBeDefined();
});

test('outages: a caller that is killed ends the handlers of its calls within seconds', async () => {
  const interrupted: Interrupted[] = [];
  const started = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let count = 0;
  await serveOnBus(
    daemon,
    echoRoutes({
      onStart: () => {
        count += 1;
        if (count === 2) started.resolve();
      },
      onInterrupt: (what) => {
        interrupted.push(what);
        if (interrupted.length === 2) ended.resolve();
      },
    }),
  );
  await using child = startChild(callingProcess, [stand.paths.root]);
  await started.promise;
  const killedAt = performance.now();
  await child.kill('SIGKILL');
  await ended.promise;
  expect(performance.now() - killedAt).toBeLessThan(5_000);
  expect(interrupted.map(({ method }) => method).sort()).toEqual(['Hang', 'Repeat']);
});

test('outages: nats-server restarts: open calls fail, handlers end, later calls work', async () => {
  const storage = await stand.connect('storage');
  const interrupted: Interrupted[] = [];
  await serveOnBus(storage, echoRoutes({ onInterrupt: (what) => void interrupted.push(what) }));
  const { promise: flowing, resolve } = Promise.withResolvers<void>();
  const stream = readToEnd(daemon, resolve);
  const hanging = echoClient(daemon)
    .hang({})
    .catch((error: unknown) => ConnectError.from(error));
  await flowing;
  await stand.stopServer('SIGKILL');
  expect(await stream).toMatchObject({ code: Code.Unavailable });
  expect(await hanging).toMatchObject({ code: Code.Unavailable });
  await whenOff(storage);
  expect(interrupted.map(({ method }) => method).sort()).toEqual(['Hang', 'Repeat']);

  const back = Promise.all([daemon, storage].map((bus) => bus.whenConnected(AbortSignal.timeout(10_000))));
  // Asked while nobody is there, answered once nats-server is back.
  const patient = echoClient(daemon)
    .echo({ value: new Uint8Array([7]) })
    .catch((error: unknown) => ConnectError.from(error));
  await stand.startServer();
  await back;
  // Connected again, a service has sent its subscriptions; nats-server knows them when it has answered.
  await storage.flush();
  // The caller may have been back before the service: then nobody was there to answer.
  const answer = await patient;
  if (answer instanceof ConnectError) expect(answer.code).toBe(Code.Unavailable);
  await expect(echoClient(daemon).echo({ value: new Uint8Array([8]) })).resolves.toBeDefined();
  const again = Promise.withResolvers<void>();
  void readToEnd(daemon, again.resolve).catch(() => {});
  await again.promise;
});

test('outages: without nats-server nothing is kept for later, and calls fail within their deadline', async () => {
  await stand.stopServer();
  await whenOff(daemon);
  expect(() => daemon.publish('protect.presence.daemon', new Uint8Array(1_000))).toThrow(
    /nats-server is away/,
  );
  await expect(
    daemon.request('protect.presence.daemon', new Uint8Array(), { timeoutMs: 1_000 }),
  ).rejects.toThrow(/nats-server is away/);
  const begun = performance.now();
  await expect(echoClient(daemon).echo({}, { timeoutMs: 300 })).rejects.toMatchObject({
    code: Code.DeadlineExceeded,
  });
  expect(performance.now() - begun).toBeLessThan(1_500);
  await expect(echoClient(daemon).echo({})).rejects.toMatchObject({ code: Code.Unavailable });
  expect(performance.now() - begun).toBeLessThan(8_000);
});

test('outages: a service waits for a nats-server that does not run yet', async () => {
  await stand.stopServer();
  const storage = stand.connect('storage');
  await stand.startServer();
  expect((await storage).connected).toBe(true);
});
