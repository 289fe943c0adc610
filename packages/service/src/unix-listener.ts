import { chmodSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { createServer as createHttp1Server } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import { connect, createServer, type Socket } from 'node:net';
import {
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  type Interceptor,
} from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { type ClassifiedConnection, classifyConnection } from './classify-connection.ts';
import { isPlainAuthority } from './http2-authority.ts';

/** Longest path that fits a socket address, without its closing zero. */
export const maxSocketPathBytes = 107;

/** Connections served at once; further ones are closed at once. */
export const maxConnections = 1024;

/** How long a peer may take from connecting to its first request line or HTTP/2 preface. */
const prefaceTimeoutMs = 10_000;

type NodeServerRequest = Parameters<
  NonNullable<Parameters<typeof connectNodeAdapter>[0]['contextValues']>
>[0];

export interface UnixListenerOptions {
  readonly path: string;
  /** Permission bits of the socket: who may connect. */
  readonly mode: number;
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors?: Interceptor[];
  /** Values for handlers and interceptors; the socket is the caller's own connection. */
  readonly contextValues?: (socket: Socket) => ContextValues;
  /** Largest message taken; the default is 16 MiB. */
  readonly readMaxBytes?: number;
}

export interface UnixListener {
  readonly path: string;
  /** Takes no more connections, lets calls end for `graceMs`, then cuts the rest off. */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves Connect, gRPC and gRPC-Web on one unix socket, over HTTP/1.1 and HTTP/2 alike. A socket that no
 * process answers on any more is replaced; rejects when one does answer, or something else is at `path`.
 */
export async function listenOnUnixSocket(options: UnixListenerOptions): Promise<UnixListener> {
  await removeStaleSocket(options.path);
  const sockets = new Set<Socket>();
  /** The caller's socket by what a request knows: its HTTP/2 session or the socket itself. */
  const owners = new WeakMap<object, Socket>();
  const adapter = connectNodeAdapter({
    routes: options.routes,
    interceptors: options.interceptors ?? [],
    readMaxBytes: options.readMaxBytes ?? 16 * 1024 * 1024,
    contextValues: (request) => contextValues(request, owners, options.contextValues),
  });
  // A host that is no host would throw where nobody can catch it.
  const handler: typeof adapter = (request, response) => {
    for (const name of [':authority', 'host']) {
      const authority = request.headers[name];
      if (authority !== undefined && !isPlainAuthority(String(authority)))
        request.headers[name] = 'localhost';
    }
    adapter(request, response);
  };
  const http1 = createHttp1Server(handler);
  const http2 = createHttp2Server({ settings: { maxConcurrentStreams: 1024 } }, handler);
  const sessions = new Set<ServerHttp2Session>();

  const server = createServer((socket) => {
    sockets.add(socket);
    owners.set(socket, socket);
    socket.once('close', () => sockets.delete(socket));
    // What a broken connection means is told by its calls, each of which ends.
    socket.on('error', () => socket.destroy());
    const timer = setTimeout(() => socket.destroy(), prefaceTimeoutMs);
    socket.once('close', () => clearTimeout(timer));
    classifyConnection(socket, (connection) => {
      clearTimeout(timer);
      serve(socket, connection);
    });
  });
  server.maxConnections = maxConnections;

  function serve(socket: Socket, connection: ClassifiedConnection): void {
    if (connection.protocol === 'http1') {
      http1.emit('connection', socket);
      return;
    }
    http2.once('session', (session) => {
      sessions.add(session);
      owners.set(session, socket);
      session.once('close', () => sessions.delete(session));
    });
    // Emits `session` before it returns.
    http2.emit('connection', connection.stream);
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The socket comes into being with the umask's permissions, inside the call of listen().
    const umask = process.umask(0o177);
    try {
      server.listen(options.path, () => {
        chmodSync(options.path, options.mode);
        resolve();
      });
    } finally {
      process.umask(umask);
    }
  });

  return {
    path: options.path,
    async close(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      http1.closeIdleConnections();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

function contextValues(
  request: NodeServerRequest,
  owners: WeakMap<object, Socket>,
  values: ((socket: Socket) => ContextValues) | undefined,
): ContextValues {
  const key = 'stream' in request ? request.stream.session : request.socket;
  const socket = key === undefined ? undefined : owners.get(key);
  return socket === undefined || values === undefined ? createContextValues() : values(socket);
}

async function removeStaleSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > maxSocketPathBytes) {
    throw new Error(
      `cannot listen on ${path}: a socket's path has at most ${maxSocketPathBytes} bytes; choose a shorter state folder`,
    );
  }
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new Error(`cannot listen on ${path}: something that is no socket is there; move it away`);
  }
  if (await answers(path)) {
    throw new Error(`cannot listen on ${path}: another process answers there; stop it first`);
  }
  await unlink(path).catch(() => undefined);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => resolve(true));
    probe.once('error', (error) => resolve('code' in error && error.code === 'EAGAIN'));
    probe.once('connect', () => probe.destroy());
  });
}
