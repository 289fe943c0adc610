import { createServer as createHttp1Server, type OutgoingHttpHeaders } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import {
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { type ClassifiedConnection, classifyConnection } from './classify-connection.ts';
import { sparselyEncoded } from './grpc-message.ts';
import { isPlainAuthority } from './http2-authority.ts';

/** Connections served at once unless told otherwise; further ones are closed at once. */
export const defaultMaxConnections = 1024;

/** Largest message taken unless told otherwise. */
const defaultReadMaxBytes = 16 * 1024 * 1024;

/** Calls of one connection that its peer may begin before others have ended. */
export const maxCallsPerConnection = 1024;

/** How long a peer may take from connecting to its first request line or HTTP/2 preface. */
const prefaceTimeoutMs = 10_000;

const grpcMessage = 'grpc-message';

type NodeServerRequest = Parameters<
  NonNullable<Parameters<typeof connectNodeAdapter>[0]['contextValues']>
>[0];

export interface RpcServerOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors?: Interceptor[];
  /**
   * Called once for each connection, as soon as it is there; gives the values of each of its calls for
   * handlers and interceptors. A caller may have closed its connection by the time that its call is seen.
   */
  readonly contextValues?: (socket: Socket) => () => ContextValues;
  /** Runs before a request is read; what it throws is the call's answer. */
  readonly requestGate?: (context: HandlerContext) => void;
  /** Largest message taken; the default is 16 MiB. */
  readonly readMaxBytes?: number;
  readonly maxConnections?: number;
}

/** Connect, gRPC and gRPC-Web over HTTP/1.1 and HTTP/2, on whatever connections it is given. */
export interface RpcServer {
  /** Serves a connection, which tells by its first bytes what it speaks. */
  serve(socket: Socket): void;
  /** Ends what listens, lets calls end for `graceMs`, then cuts the rest off. */
  close(listener: Server, graceMs: number): Promise<void>;
}

export function createRpcServer(options: RpcServerOptions): RpcServer {
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  /** Makers of values by what a request knows of its connection: the HTTP/2 session or the socket itself. */
  const valuesOf = new WeakMap<object, () => ContextValues>();
  const { requestGate } = options;
  const adapter = connectNodeAdapter({
    routes: options.routes,
    interceptors: options.interceptors ?? [],
    readMaxBytes: options.readMaxBytes ?? defaultReadMaxBytes,
    contextValues: (request) => contextValues(request, valuesOf),
    ...(requestGate === undefined ? {} : { requestGate }),
  });
  // A host that is no host would throw where nobody can catch it.
  const handler: typeof adapter = (request, response) => {
    for (const name of [':authority', 'host']) {
      const authority = request.headers[name];
      if (authority !== undefined && !isPlainAuthority(String(authority)))
        request.headers[name] = 'localhost';
    }
    const addTrailers = response.addTrailers.bind(response);
    response.addTrailers = (trailers: OutgoingHttpHeaders) => {
      const message: unknown = Reflect.get(trailers, grpcMessage);
      addTrailers(
        typeof message === 'string' ? { ...trailers, [grpcMessage]: sparselyEncoded(message) } : trailers,
      );
    };
    adapter(request, response);
  };
  const http1 = createHttp1Server(handler);
  const http2 = createHttp2Server({ settings: { maxConcurrentStreams: maxCallsPerConnection } }, handler);

  function serveAs(socket: Socket, connection: ClassifiedConnection): void {
    if (connection.protocol === 'http1') {
      http1.emit('connection', socket);
      return;
    }
    http2.once('session', (session) => {
      sessions.add(session);
      const values = valuesOf.get(socket);
      if (values !== undefined) valuesOf.set(session, values);
      session.once('close', () => sessions.delete(session));
    });
    // Emits `session` before it returns.
    http2.emit('connection', connection.stream);
  }

  return {
    serve(socket) {
      sockets.add(socket);
      if (options.contextValues !== undefined) valuesOf.set(socket, options.contextValues(socket));
      socket.once('close', () => sockets.delete(socket));
      // What a broken connection means is told by its calls, each of which ends.
      socket.on('error', () => socket.destroy());
      const timer = setTimeout(() => socket.destroy(), prefaceTimeoutMs);
      socket.once('close', () => clearTimeout(timer));
      classifyConnection(socket, (connection) => {
        clearTimeout(timer);
        serveAs(socket, connection);
      });
    },
    async close(listener, graceMs) {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
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
  valuesOf: WeakMap<object, () => ContextValues>,
): ContextValues {
  const key = 'stream' in request ? request.stream.session : request.socket;
  const values = key === undefined ? undefined : valuesOf.get(key);
  return values?.() ?? createContextValues();
}
