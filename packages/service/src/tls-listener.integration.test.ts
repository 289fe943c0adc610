import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect, TLSSocket } from 'node:tls';
import { createClient, createContextKey, createContextValues } from '@connectrpc/connect';
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node';
import { HealthService } from '@protect/proto/health';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTestAuthority, type TestAuthority, type TestCertificate } from './testing/certificates.ts';
import { listenOnTls, type TlsListener } from './tls-listener.ts';

let authority: TestAuthority;
let stranger: TestAuthority;
let client: TestCertificate;
let expired: TestCertificate;
let foreign: TestCertificate;
let listener: TlsListener;
const caller = createContextKey<string>('');
let seen: string[] = [];
let refused: string[] = [];

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createTestAuthority('ours'), createTestAuthority('theirs')]);
  const server = await authority.issue('server');
  client = await authority.issue('client');
  expired = await authority.issue('expired', -1);
  foreign = await stranger.issue('client');
  listener = await listenOnTls({
    host: '127.0.0.1',
    port: 0,
    cert: server.cert,
    key: server.key,
    clientCa: authority.cert,
    onRefused: (reason) => refused.push(reason),
    contextValues: (socket) => {
      const subject = socket instanceof TLSSocket ? socket.getPeerCertificate().subject.CN : undefined;
      return () => createContextValues().set(caller, String(subject));
    },
    routes: (router) =>
      router.service(HealthService, {
        check(_request, { values }) {
          seen.push(values.get(caller));
          return { ready: true };
        },
      }),
  });
});

afterAll(async () => {
  await listener?.close(0);
  await authority?.[Symbol.asyncDispose]();
  await stranger?.[Symbol.asyncDispose]();
});

beforeEach(() => {
  seen = [];
  refused = [];
});

const identity = ({ cert, key }: TestCertificate) => ({ cert, key, ca: authority.cert });
const options = () => ({
  baseUrl: `https://localhost:${listener.port}`,
  nodeOptions: { ...identity(client), host: '127.0.0.1', servername: 'localhost' },
});
const http1 = () => ({ ...options(), httpVersion: '1.1' as const });
const http2 = () => ({ ...options(), httpVersion: '2' as const });

/** How a handshake with these options ends: the protocol that was agreed on, or why not. */
async function handshake(more: ConnectionOptions): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: listener.port, servername: 'localhost', ...more });
  try {
    const ended = Promise.withResolvers<string>();
    socket.on('error', (error: Error & { code?: string }) => ended.resolve(error.code ?? error.message));
    socket.on('close', () => ended.resolve('closed'));
    socket.on('data', () => ended.resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`));
    // Under TLS 1.3 a client learns with the first answer whether it was let in.
    socket.on('secureConnect', () => socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n'));
    return await ended.promise;
  } finally {
    socket.destroy();
  }
}

describe('TLS listener', () => {
  it.each([
    ['Connect over HTTP/1.1', () => createConnectTransport(http1())],
    ['Connect over HTTP/2', () => createConnectTransport(http2())],
    ['gRPC', () => createGrpcTransport(options())],
    ['gRPC-Web over HTTP/1.1', () => createGrpcWebTransport(http1())],
    ['gRPC-Web over HTTP/2', () => createGrpcWebTransport(http2())],
  ])('answers %s, and handlers know the client’s certificate', async (_, transport) => {
    const reply = await createClient(HealthService, transport()).check({});
    expect(reply.ready).toBe(true);
    expect(seen).toEqual(['client']);
  });

  it('agrees on HTTP/1.1 by ALPN, over TLS 1.3', async () => {
    const result = await handshake({ ...identity(client), ALPNProtocols: ['http/1.1'] });
    expect(result).toBe('TLSv1.3 http/1.1');
  });

  it.each([
    ['no certificate', () => ({ ca: authority.cert }), 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE'],
    ['the certificate of another issuer', () => identity(foreign), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['a certificate that has ended', () => identity(expired), 'CERT_HAS_EXPIRED'],
    [
      'TLS 1.2',
      () => ({ ...identity(client), maxVersion: 'TLSv1.2' as const }),
      'ERR_SSL_UNSUPPORTED_PROTOCOL',
    ],
  ])('refuses a client with %s, and says so', async (_, more, reason) => {
    const result = await handshake(more());
    expect(result).not.toMatch(/^TLS/);
    expect(seen).toEqual([]);
    await expect.poll(() => refused).toEqual([reason]);
  });

  it('refuses plain HTTP', async () => {
    const socket = connectTcp(listener.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end('POST /protect.health.v1.HealthService/Check HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await once(socket, 'close');
    expect(seen).toEqual([]);
    await expect.poll(() => refused).toHaveLength(1);
  });

  it.each([['localhost'], ['127.0.0.1:4353'], ['%2Frun%2Fdaemon.socket'], [''], ['/run/daemon.socket']])(
    'takes HTTP/2 requests whose authority is %j',
    async (name) => {
      const url = `https://127.0.0.1:${listener.port}`;
      const session: ClientHttp2Session = connectHttp2(url, { ...identity(client), servername: 'localhost' });
      try {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/protect.health.v1.HealthService/Check',
          ':authority': name,
          'content-type': 'application/json',
        });
        stream.end('{}');
        const chunks: Buffer[] = [];
        for await (const chunk of stream) chunks.push(chunk);
        expect(Buffer.concat(chunks).toString()).toContain('"ready":true');
      } finally {
        session.destroy();
      }
    },
  );

  it('rejects when the address is taken', async () => {
    const { cert, key } = client;
    const taken = listenOnTls({
      ...{ host: '127.0.0.1', port: listener.port, cert, key, clientCa: authority.cert },
      routes: () => undefined,
    });
    await expect(taken).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
