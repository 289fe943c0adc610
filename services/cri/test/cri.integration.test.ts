import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { type Bus, connectBus } from '@protect/bus/connection';
import { type Served, serveOnBus } from '@protect/bus/serve';
import { prepareNatsServer } from '@protect/bus/server-config';
import { type NatsServerProcess, startNatsServer } from '@protect/bus/server-process';
import { type ServiceName, type StatePaths, statePaths } from '@protect/config/paths';
import { ImageService, RuntimeService, type StatusResponse } from '@protect/proto/cri';
import { HealthService } from '@protect/proto/health';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LaunchedService, launchService } from '../../../packages/service/test/launch-service.ts';

const launcher = fileURLToPath(new URL('../bin/protect-cri', import.meta.url));

let root = '';
let paths: StatePaths;
let nats: NatsServerProcess;
let cri: LaunchedService;
const buses: Bus[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'protect-cri-'));
  paths = statePaths(root);
  await prepareNatsServer(paths);
  nats = await startNatsServer(paths);
  cri = await launchService(launcher, ['--state', root]);
});

afterAll(async () => {
  await cri?.[Symbol.asyncDispose]();
  for (const bus of buses) await bus.close();
  await nats?.stop('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

/** A service that is there and says this of its health. */
async function stand(
  service: ServiceName,
  health: { ready: boolean; checks?: { name: string; ok: boolean; message: string }[] },
): Promise<Served> {
  const signal = AbortSignal.timeout(10_000);
  const bus = await connectBus(paths, service, { signal, logger: pino({ level: 'silent' }) });
  buses.push(bus);
  return serveOnBus(bus, (router) => router.service(HealthService, { check: () => health }));
}

/** One gRPC call as kubelet makes it. */
function call<I extends DescMessage, O extends DescMessage>(
  method: DescMethodUnary<I, O>,
  request: MessageInitShape<I>,
  options: { authority?: string } = {},
): Promise<MessageShape<O>> {
  const client = new Client(`unix:${paths.criSocket}`, credentials.createInsecure(), {
    ...(options.authority === undefined ? {} : { 'grpc.default_authority': options.authority }),
  });
  return new Promise<MessageShape<O>>((resolve, reject) => {
    client.makeUnaryRequest(
      `/${method.parent.typeName}/${method.name}`,
      (message: MessageShape<I>) => Buffer.from(toBinary(method.input, message)),
      (bytes: Buffer) => fromBinary(method.output, bytes),
      create(method.input, request),
      { deadline: Date.now() + 10_000 },
      (error, reply) => (error === null && reply !== undefined ? resolve(reply) : reject(error)),
    );
  }).finally(() => client.close());
}

function conditions(response: StatusResponse) {
  return (response.status?.conditions ?? []).map(({ type, status: ok, message }) => ({ type, ok, message }));
}

test('Version fills all four fields, whatever authority the client sends', async () => {
  for (const authority of [undefined, 'localhost', paths.criSocket]) {
    const reply = await call(
      RuntimeService.method.version,
      { version: 'v1' },
      authority === undefined ? {} : { authority },
    );
    expect(reply).toMatchObject({ version: '0.1.0', runtimeName: 'protect', runtimeApiVersion: 'v1' });
    expect(reply.runtimeVersion).toMatch(/^[0-9]+\.[0-9]+\.[0-9]+/);
  }
});

test('only root may talk to the socket', async () => {
  expect((await stat(paths.criSocket)).mode & 0o777).toBe(0o600);
});

test('Status follows the health of daemon and network, and says why not', async () => {
  expect(conditions(await call(RuntimeService.method.status, {}))).toEqual([
    {
      type: 'RuntimeReady',
      ok: false,
      message: expect.stringMatching(/^protect-daemon does not answer .*; start it$/),
    },
    {
      type: 'NetworkReady',
      ok: false,
      message: expect.stringMatching(/^protect-network does not answer .*; start it$/),
    },
  ]);
  await stand('daemon', { ready: true });
  const network = await stand('network', {
    ready: false,
    checks: [{ name: 'configured', ok: false, message: 'waits for the daemon' }],
  });
  expect(conditions(await call(RuntimeService.method.status, {}))).toEqual([
    { type: 'RuntimeReady', ok: true, message: '' },
    {
      type: 'NetworkReady',
      ok: false,
      message: 'protect-network is not ready: configured: waits for the daemon',
    },
  ]);
  await network[Symbol.asyncDispose]();
  await buses.at(-1)?.close();
  buses.pop();
  await stand('network', { ready: true });
  const ready = await call(RuntimeService.method.status, { verbose: true });
  expect(conditions(ready).map(({ ok }) => ok)).toEqual([true, true]);
  expect(Object.values(ready.info).map((text) => JSON.parse(text))).toHaveLength(1);
});

test('every other method is unimplemented', async () => {
  for (const method of [
    RuntimeService.method.runPodSandbox,
    RuntimeService.method.listContainers,
    ImageService.method.listImages,
    ImageService.method.imageFsInfo,
  ]) {
    const error: ServiceError = await call<DescMessage, DescMessage>(method, {}).then(
      () => {
        throw new Error(`${method.name} was answered`);
      },
      (reason) => reason,
    );
    expect(error.code).toBe(status.UNIMPLEMENTED);
  }
});

test('SIGTERM ends it in order, and takes the socket away', async () => {
  expect(await cri.end('SIGTERM')).toBe(0);
  await expect(stat(paths.criSocket)).rejects.toThrow('ENOENT');
});
