import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request as http1Request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, createContextKey, createContextValues } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { HealthService } from '@protect/proto/health';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listenOnUnixSocket, type UnixListener } from './unix-listener.ts';

let folder = '';
let path = '';
let listener: UnixListener | undefined;
const caller = createContextKey<Socket | undefined>(undefined);
let seen: (Socket | undefined)[] = [];
/** Resolved by a test to let a waiting call end. */
let hold: Promise<void> = Promise.resolve();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'protect-listen-'));
  path = join(folder, 'test.socket');
  seen = [];
  hold = Promise.resolve();
});

afterEach(async () => {
  await listener?.close(0);
  listener = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function listen(): Promise<UnixListener> {
  listener = await listenOnUnixSocket({
    path,
    mode: 0o660,
    contextValues: (socket) => () => createContextValues().set(caller, socket),
    routes: (router) =>
      router.service(HealthService, {
        async check(_request, context) {
          seen.push(context.values.get(caller));
          await hold;
          return { ready: true, version: 'test' };
        },
      }),
  });
  return listener;
}

const nodeOptions = { createConnection: () => connect(path) };

test.each([
  [
    'Connect over HTTP/2',
    () => createConnectTransport({ baseUrl: 'http://localhost', httpVersion: '2', nodeOptions }),
  ],
  ['gRPC over HTTP/2', () => createGrpcTransport({ baseUrl: 'http://localhost', nodeOptions })],
  [
    'gRPC-Web over HTTP/2',
    () => createGrpcWebTransport({ baseUrl: 'http://localhost', httpVersion: '2', nodeOptions }),
  ],
  [
    'Connect over HTTP/1.1',
    () =>
      createConnectTransport({
        baseUrl: 'http://localhost',
        httpVersion: '1.1',
        nodeOptions: { socketPath: path },
      }),
  ],
  [
    'gRPC-Web over HTTP/1.1',
    () =>
      createGrpcWebTransport({
        baseUrl: 'http://localhost',
        httpVersion: '1.1',
        nodeOptions: { socketPath: path },
      }),
  ],
])(
  '%s is answered on the one socket, and handlers know the caller’s connection',
  async (_name, transport) => {
    await listen();
    const reply = await createClient(HealthService, transport()).check({});
    expect(reply.ready).toBe(true);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.remoteFamily ?? 'unix').toBe('unix');
    expect(seen[0]).toBeDefined();
  },
);

test('JSON is answered to a plain HTTP/1.1 client', async () => {
  await listen();
  const body = await new Promise<string>((resolve, reject) => {
    const call = http1Request(
      {
        socketPath: path,
        path: '/protect.health.v1.HealthService/Check',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text += String(chunk)));
        response.on('end', () => resolve(text));
      },
    );
    call.on('error', reject);
    call.end('{}');
  });
  expect(JSON.parse(body)).toEqual({ ready: true, version: 'test' });
});

test('a preface that arrives byte by byte is understood', async () => {
  await listen();
  const socket = connect(path);
  const bytes = 'POST /protect.health.v1.HealthService/Check HTTP/1.1\r\nhost: localhost\r\n';
  const rest = 'content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}';
  const answer = new Promise<string>((resolve) => {
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('end', () => resolve(text));
  });
  for (const byte of bytes) await new Promise((resolve) => socket.write(byte, resolve));
  socket.write(rest);
  expect(await answer).toContain('"ready":true');
});

test('the socket carries the asked permissions, and a stale one is replaced', async () => {
  const first = createServer();
  await new Promise<void>((resolve) => first.listen(path, resolve));
  await expect(listen()).rejects.toThrow(/another process answers there; stop it first/);
  // A socket file without a listener is what a killed process leaves.
  const { rename } = await import('node:fs/promises');
  await rename(path, `${path}.stale`);
  await new Promise((resolve) => first.close(resolve));
  await rename(`${path}.stale`, path);
  await listen();
  expect((await stat(path)).mode & 0o777).toBe(0o660);
});

test('a file that is no socket, and a path too long for a socket, are refused', async () => {
  await writeFile(path, 'precious');
  await expect(listen()).rejects.toThrow(/something that is no socket is there/);
  path = join(folder, 'x'.repeat(108));
  await expect(listen()).rejects.toThrow(/at most 107 bytes; choose a shorter state folder/);
});

test('closing lets a running call end, and cuts off one that outlives the grace', async () => {
  let release = () => {};
  hold = new Promise((resolve) => {
    release = resolve;
  });
  const open = await listen();
  const client = createClient(
    HealthService,
    createConnectTransport({ baseUrl: 'http://localhost', httpVersion: '2', nodeOptions }),
  );
  const call = client.check({});
  await expect.poll(() => seen.length).toBe(1);
  const closed = open.close(5_000);
  release();
  expect((await call).ready).toBe(true);
  await closed;

  hold = new Promise(() => {});
  const second = await listen();
  const cut = client.check({});
  const rejected = expect(cut).rejects.toThrow();
  await expect.poll(() => seen.length).toBe(2);
  await second.close(50);
  await rejected;
});

test('a peer that connects and says nothing, or garbage, disturbs nobody', async () => {
  await listen();
  const silent = connect(path);
  await new Promise<void>((resolve) => silent.once('connect', resolve));
  const garbage = connect(path);
  const ended = new Promise<void>((resolve) => garbage.once('close', () => resolve()));
  garbage.on('data', () => {});
  garbage.write(Buffer.from([0, 1, 2, 3, 13, 10, 13, 10]));
  await ended;
  const broken = connectHttp2('http://localhost', nodeOptions);
  broken.on('error', () => {});
  await new Promise<void>((resolve) => broken.once('connect', () => resolve()));
  broken.destroy();
  const client = createClient(
    HealthService,
    createConnectTransport({ baseUrl: 'http://localhost', httpVersion: '2', nodeOptions }),
  );
  expect((await client.check({})).ready).toBe(true);
  silent.destroy();
});
