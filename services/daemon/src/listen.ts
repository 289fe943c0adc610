import type { HandlerContext, Interceptor } from '@connectrpc/connect';
import type { TcpListenConfig } from '@protect/config/daemon-config';
import { ControlService } from '@protect/proto/control';
import { ConfigurationError } from '@protect/service/errors';
import { groupId } from '@protect/service/group-id';
import type { RpcServerOptions } from '@protect/service/rpc-server';
import { listenOnTls } from '@protect/service/tls-listener';
import { listenOnUnixSocket } from '@protect/service/unix-listener';
import type { Logger } from 'pino';
import { socketCallValues } from './callers/caller.ts';
import type { ControlMethods } from './control/deps.ts';
import { loadTlsCredentials } from './tls-credentials.ts';

/** Root and the socket's group may connect: whoever can, can do anything with zones. */
const socketMode = 0o660;

/** The group of the socket when none is configured, if there is such a group. */
const defaultGroup = 'protect';

/** Time for calls under way when the daemon ends. */
const graceMs = 2_000;

/** How often it is told that somebody without a good certificate was refused. */
const refusalLogMs = 1_000;

export interface ListenOptions {
  readonly path: string;
  /** Name or number of the group that may connect; by default `protect`, if there is one. */
  readonly group?: string | undefined;
  /** Where to listen on TCP too, with mutual TLS. */
  readonly tcp?: TcpListenConfig | undefined;
  readonly methods: ControlMethods;
  readonly interceptors: Interceptor[];
  readonly requestGate?: (context: HandlerContext) => void;
  /** Largest message taken. */
  readonly maxMessageBytes: number;
  /** Connections of each listener. */
  readonly maxConnections: number;
  readonly logger: Logger;
}

/**
 * Serves the control API on its unix socket and, if asked to, over TCP: Connect, gRPC and gRPC-Web. Throws
 * ConfigurationError for what only a change of daemon.toml or of the files that it names can mend.
 */
export async function listen(options: ListenOptions): Promise<AsyncDisposable> {
  const { path, tcp, methods, interceptors, requestGate } = options;
  const served: RpcServerOptions = {
    routes: (router) => void router.service(ControlService, methods),
    interceptors,
    contextValues: socketCallValues,
    ...(requestGate === undefined ? {} : { requestGate }),
    readMaxBytes: options.maxMessageBytes,
    maxConnections: options.maxConnections,
  };
  const gid = await socketGid(options.group);
  const credentials = tcp === undefined ? undefined : await loadTlsCredentials(tcp);
  await using listeners = new AsyncDisposableStack();
  const socket = await listenOnUnixSocket({
    ...served,
    path,
    mode: socketMode,
    ...(gid === undefined ? {} : { gid }),
  });
  listeners.defer(() => socket.close(graceMs));
  if (tcp !== undefined && credentials !== undefined) {
    const { logger } = options;
    const { validTo, ...pem } = credentials;
    if (validTo.getTime() < Date.now()) {
      logger.warn({ file: tcp.certPath, validTo }, 'the TLS certificate has ended; clients refuse it');
    }
    const tls = await listenOnTls({
      ...served,
      ...pem,
      ...hostAndPort(tcp.address),
      onRefused: refusalLog(logger),
    }).catch((error: NodeJS.ErrnoException) => {
      throw listenError(tcp.address, error);
    });
    listeners.defer(() => tls.close(graceMs));
    logger.info({ address: tcp.address }, 'the control API is served over TCP, with mutual TLS');
  }
  const all = listeners.move();
  return { [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function socketGid(group: string | undefined): Promise<number | undefined> {
  const gid = await groupId(group ?? defaultGroup);
  if (gid !== undefined || group === undefined) return gid;
  throw new ConfigurationError(
    `runtime.listen.group: this host has no group ${group}; make it with groupadd, or name another`,
  );
}

function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':');
  return {
    host: address.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
    port: Number(address.slice(colon + 1)),
  };
}

function listenError(address: string, error: NodeJS.ErrnoException): Error {
  const what = `cannot listen on ${address} (runtime.listen.tcp.address)`;
  // It may be free again at the next attempt.
  if (error.code === 'EADDRINUSE') {
    return new Error(`${what}: another process does; stop it, or choose another port`, { cause: error });
  }
  const why = error.code === 'EADDRNOTAVAIL' ? 'this host has no such address' : error.message;
  return new ConfigurationError(`${what}: ${why}`, { cause: error });
}

/** Tells of refused clients, but not as often as somebody from outside would have it. */
function refusalLog(logger: Logger): (reason: string, remoteAddress: string | undefined) => void {
  let refused = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  return (reason, remoteAddress) => {
    refused += 1;
    if (performance.now() - toldAt < refusalLogMs) return;
    logger.warn({ reason, remoteAddress, refused }, 'a TCP client was refused: it has to show a certificate');
    toldAt = performance.now();
    refused = 0;
  };
}
