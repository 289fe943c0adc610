import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { Client, credentials } from '@grpc/grpc-js';
import { createImageStore } from '@protect/oci/pull';
import {
  ControlService,
  ExecuteZoneCommandRequestSchema,
  GetHostStatusReplySchema,
  GetHostStatusRequestSchema,
} from '@protect/proto/control';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ControlMethods } from './control/deps.ts';
import { errorInterceptor } from './control/interceptor.ts';
import { controlService } from './control/service.ts';
import { createWatchHub } from './events/watch-hub.ts';
import { kernelProcessors } from './host/processors.ts';
import { createIdmSnoop } from './idm/snoop.ts';
import { createImageLookup } from './images/image-lookup.ts';
import { listen } from './listen.ts';
import type { ZoneStatus } from './state/zone-record.ts';
import { type TestDaemon, type TestHost, testHost } from './testing/test-daemon.ts';
import { zoneRecordOf } from './zones/test-zone.ts';

const run = promisify(execFile);

const hostUuid = '8a1e7a5e-0000-4000-8000-000000000001';
const zone = zoneRecordOf({ status: { state: 'ready' } });

const bounds = { maxMessageBytes: 1024 * 1024, maxConnections: 100 };

let host: TestHost;
let daemon: TestDaemon;
let listener: AsyncDisposable;
let methods: ControlMethods;
let path: string;
const stallMs = 200;
const watchHub = createWatchHub({ stallMs });

beforeAll(async () => {
  host = await testHost();
  daemon = await host.daemon();
  path = host.paths.daemonSocket;
  const imageStore = createImageStore({ cacheDir: host.paths.imageCache });
  methods = controlService({
    ...daemon.deps,
    ...daemon,
    hostUuid,
    hostStatus: {
      read: async () => ({ hostUuid, protectVersion: 'test' }),
      refresh: async () => undefined,
    },
    imageStore,
    images: createImageLookup(imageStore),
    processors: kernelProcessors,
    snoop: createIdmSnoop(),
    watchHub,
  });
  daemon.state.onChange((change) => watchHub.publish(change));
  await daemon.state.zones.insert(zone);
  listener = await listen({
    path,
    methods,
    interceptors: [errorInterceptor(host.logger)],
    ...bounds,
    logger: host.logger,
  });
});

afterAll(async () => {
  await listener[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
});

const method = '/protect.control.v1.ControlService/GetHostStatus';

const baseUrl = 'http://localhost';
const createConnection = () => connect(path);
const http1 = () => ({ baseUrl, httpVersion: '1.1' as const, nodeOptions: { socketPath: path } });
const http2 = { baseUrl, httpVersion: '2' as const, nodeOptions: { createConnection } };
const overGrpc = () => createGrpcTransport({ baseUrl, nodeOptions: { createConnection } });

function transports(): [string, () => Transport][] {
  return [
    ['Connect over HTTP/1.1', () => createConnectTransport(http1())],
    ['Connect over HTTP/2', () => createConnectTransport(http2)],
    ['gRPC over HTTP/2', overGrpc],
    ['gRPC-Web over HTTP/1.1', () => createGrpcWebTransport(http1())],
    ['gRPC-Web over HTTP/2', () => createGrpcWebTransport(http2)],
  ];
}

describe('control socket', () => {
  it('may be used by root and its group alone', async () => {
    expect(((await stat(path)).mode & 0o777).toString(8)).toBe('660');
  });

  it('answers curl with JSON', async () => {
    const call = (name: string, body: string) =>
      run('curl', [
        ...['-sS', '--unix-socket', path, '-H', 'Content-Type: application/json', '-d', body],
        ...['-w', ' %{http_code}', `http://localhost/protect.control.v1.ControlService/${name}`],
      ]);
    const status = await call('GetHostStatus', '{}');
    expect(status.stdout).toContain('"hostUuid":"8a1e7a5e-0000-4000-8000-000000000001"');
    expect(status.stdout).toMatch(/ 200$/);
    const missing = await call('GetZone', '{"zoneId":"8a1e7a5e-0000-4000-8000-00000000ffff"}');
    expect(missing.stdout).toMatch(/"code":"not_found".* 404$/);
    const malformed = await call('GetZone', '{"zoneId":"../etc"}');
    expect(malformed.stdout).toMatch(/"code":"invalid_argument".* 400$/);
  });

  it('answers @grpc/grpc-js', async () => {
    const client = new Client(`unix://${path}`, credentials.createInsecure());
    try {
      const reply = await new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          method,
          (message: Uint8Array) => Buffer.from(message),
          (bytes: Buffer) => fromBinary(GetHostStatusReplySchema, bytes),
          toBinary(GetHostStatusRequestSchema, { $typeName: 'protect.control.v1.GetHostStatusRequest' }),
          (error, value) => (error === null ? resolve(value) : reject(error)),
        );
      });
      expect(reply).toMatchObject({ protectVersion: 'test' });
      const failure = await new Promise<{ code?: number; details?: string }>((resolve) => {
        const call = client.makeServerStreamRequest(
          '/protect.control.v1.ControlService/ExecuteZoneCommand',
          (message: Uint8Array) => Buffer.from(message),
          (bytes: Buffer) => bytes,
          toBinary(ExecuteZoneCommandRequestSchema, create(ExecuteZoneCommandRequestSchema)),
        );
        call.on('error', (error: Error & { code?: number; details?: string }) => resolve(error));
        call.resume();
      });
      expect(failure).toMatchObject({
        code: Code.InvalidArgument,
        details: 'the first message must say what to start',
      });
    } finally {
      client.close();
    }
  });

  it.each(transports())('serves unary calls, streams and errors by %s', async (_name, transport) => {
    const client = createClient(ControlService, transport());
    expect(await client.getHostStatus({})).toMatchObject({ protectVersion: 'test' });
    const pages: number[] = [];
    for await (const { zones } of client.listZones({})) pages.push(zones.length);
    expect(pages).toEqual([1]);
    const zoneId = '8a1e7a5e-0000-4000-8000-00000000ffff';
    const failure = await client.getZone({ zoneId }).catch((error: unknown) => ConnectError.from(error));
    expect(failure).toMatchObject({ code: Code.NotFound });
    expect(failure).toHaveProperty('rawMessage', `there is no zone ${zoneId}`);
  });

  it.each([['localhost'], ['localhost:80'], ['%2Frun%2Fdaemon.socket'], [''], ['/run/daemon.socket']])(
    'takes HTTP/2 requests whose authority is %j',
    async (authority) => {
      const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
      try {
        for (let call = 0; call < 3; call++) {
          const stream = session.request({
            ':method': 'POST',
            ':path': method,
            ':authority': authority,
            'content-type': 'application/json',
          });
          stream.end('{}');
          const chunks: Buffer[] = [];
          for await (const chunk of stream) chunks.push(chunk);
          expect(Buffer.concat(chunks).toString()).toContain('hostUuid');
        }
      } finally {
        session.destroy();
      }
    },
  );

  it('gives events to who watches, over a stream that the caller ends', async () => {
    const client = createClient(ControlService, overGrpc());
    const abort = new AbortController();
    const states: unknown[] = [];
    const watching = (async () => {
      for await (const { event } of client.watchEvents({}, { signal: abort.signal })) {
        if (event.case === 'zoneChanged') states.push(event.value.zone?.status?.state);
        if (states.length === 2) abort.abort();
      }
    })();
    // The hub knows of the reader only once the request has arrived.
    while (watchHub.watchers === 0) await new Promise((resolve) => setImmediate(resolve));
    const change = (status: ZoneStatus) => daemon.state.zones.update(zone.id, (r) => ({ ...r, status }));
    await change({ state: 'failed', message: 'why' });
    await change({ state: 'destroying' });
    await expect(watching).rejects.toMatchObject({ code: Code.Canceled });
    expect(states).toEqual([7, 5]);
  });

  it('ends the stream of who watches and reads nothing, who learns why as soon as it reads', async () => {
    // The reader of the test before has only just gone.
    await expect.poll(() => watchHub.watchers).toBe(0);
    const session = connectHttp2('http://localhost', { createConnection: () => connect(path) });
    try {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/protect.control.v1.ControlService/WatchEvents',
        'content-type': 'application/grpc',
      });
      const trailers = once(stream, 'trailers');
      // One empty message. Nothing is read of the answer.
      stream.end(Buffer.alloc(5));
      while (watchHub.watchers === 0) await new Promise((resolve) => setImmediate(resolve));
      const message = 'x'.repeat(10_000);
      for (let i = 0; i < 100; i++) {
        watchHub.publish({ kind: 'zone', record: zoneRecordOf({ status: { state: 'failed', message } }) });
      }
      await expect.poll(() => watchHub.watchers, { timeout: 20 * stallMs }).toBe(0);
      stream.resume();
      const [received]: unknown[] = await trailers;
      const why = expect.stringMatching(/took nothing for .*; list anew/);
      expect(received).toMatchObject({ 'grpc-status': '8', 'grpc-message': why });
    } finally {
      session.destroy();
    }
  });

  it('refuses a path on which another daemon answers', async () => {
    const second = listen({ path, methods, interceptors: [], ...bounds, logger: host.logger });
    await expect(second).rejects.toThrow(/another process answers/);
  });
});
