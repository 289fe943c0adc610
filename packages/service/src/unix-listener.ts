import { chmodSync, chownSync } from 'node:fs';
import { lstat, unlink } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { createRpcServer, defaultMaxConnections, type RpcServerOptions } from './rpc-server.ts';

/** Longest path that fits a socket address, without its closing zero. */
export const maxSocketPathBytes = 107;

export interface UnixListenerOptions extends RpcServerOptions {
  readonly path: string;
  /** Permission bits of the socket: who may connect. */
  readonly mode: number;
  /** Group of the socket; the process's own unless given. */
  readonly gid?: number;
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
  const { path, mode, gid } = options;
  await removeStaleSocket(path);
  const rpc = createRpcServer(options);
  const server = createServer((socket) => rpc.serve(socket));
  server.maxConnections = options.maxConnections ?? defaultMaxConnections;

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // The socket comes into being with the umask's permissions, inside the call of listen().
    const umask = process.umask(0o177);
    try {
      server.listen(path, () => {
        try {
          // The group comes before its permission.
          if (gid !== undefined) chownSync(path, -1, gid);
          chmodSync(path, mode);
          resolve();
        } catch (error) {
          server.close();
          reject(error);
        }
      });
    } finally {
      process.umask(umask);
    }
  });

  return { path, close: (graceMs) => rpc.close(server, graceMs) };
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
