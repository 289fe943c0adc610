import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { createRpcServer, defaultMaxConnections, type RpcServerOptions } from './rpc-server.ts';

/** How long a peer may take to show its certificate. */
const handshakeTimeoutMs = 10_000;

export interface TlsListenerOptions extends RpcServerOptions {
  /** An IP address of this host. */
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  /** Our own certificate, with those that lead to its issuer. PEM. */
  readonly cert: string;
  readonly key: string;
  /** Issuers of the clients' certificates; nobody else is let in. PEM, not empty. */
  readonly clientCa: string;
  /** Somebody was not let in; `reason` is a word of OpenSSL's or Node's, such as CERT_HAS_EXPIRED. */
  readonly onRefused?: (reason: string, remoteAddress: string | undefined) => void;
}

export interface TlsListener {
  readonly port: number;
  /** Takes no more connections, lets calls end for `graceMs`, then cuts the rest off. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves Connect, gRPC and gRPC-Web over TCP, to clients with a certificate of the given issuers and TLS 1.3
 * alone. The connection that `contextValues` gets is a TLSSocket. Rejects when the address cannot be had.
 */
export async function listenOnTls(options: TlsListenerOptions): Promise<TlsListener> {
  const rpc = createRpcServer(options);
  const server = createServer(
    {
      cert: options.cert,
      key: options.key,
      ca: options.clientCa,
      minVersion: 'TLSv1.3',
      requestCert: true,
      rejectUnauthorized: true,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: handshakeTimeoutMs,
      noDelay: true,
    },
    (socket) => rpc.serve(socket),
  );
  server.maxConnections = options.maxConnections ?? defaultMaxConnections;
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    options.onRefused?.(refusal(error, socket), socket.remoteAddress);
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  return { port: portOf(server.address()), close: (graceMs) => rpc.close(server, graceMs) };
}

function refusal(error: Error, socket: TLSSocket): string {
  // Set when it was the certificate; the error then only tells that the connection is closed.
  const reason: unknown = socket.authorizationError;
  if (typeof reason === 'string') return reason;
  return 'code' in error ? String(error.code) : error.message;
}

function portOf(address: AddressInfo | string | null): number {
  if (typeof address === 'object' && address !== null) return address.port;
  throw new Error('the server has no port');
}
