import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { ConnectError } from '@connectrpc/connect';
import type { Cli } from './cli.ts';
import { CommandError } from './command-error.ts';
import { type DialTarget, dialSocket } from './dial-socket.ts';
import { printable } from './printable.ts';
import { write } from './write.ts';

/** Connections that are carried at once; more wait in the kernel's queue. */
const maxConnections = 256;

/** Where to listen on this host. */
export interface ListenAddress {
  readonly address: string;
  readonly port: number;
}

/** Carries every connection to `listen` into the zone, until the user ends it. */
export async function forwardPort(cli: Cli, listen: ListenAddress, target: DialTarget): Promise<void> {
  const stop = new AbortController();
  const sockets = new Set<Socket>();
  // The end of one direction is passed on; the other goes on until it ends too.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // Told by the reading side below.
    socket.on('error', () => {});
    void carry(cli, socket, target, stop.signal);
  });
  server.maxConnections = maxConnections;
  server.listen(listen.port, listen.address);
  try {
    await once(server, 'listening', { signal: cli.interrupted });
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : listen.port;
    await write(cli.stderr, `listening on ${formatAddress(listen.address, port)}; Ctrl-C ends it\n`);
    await once(server, 'close', { signal: cli.interrupted });
  } catch (error) {
    if (cli.interrupted.aborted) return;
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(`cannot listen on ${formatAddress(listen.address, listen.port)}: ${why}`);
  } finally {
    stop.abort();
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

async function carry(cli: Cli, socket: Socket, target: DialTarget, stop: AbortSignal): Promise<void> {
  const closed = new AbortController();
  socket.once('close', () => closed.abort());
  const signal = AbortSignal.any([stop, closed.signal]);
  const send = async (data: Uint8Array) => {
    if (!socket.write(data)) await once(socket, 'drain', { signal });
  };
  try {
    // The end of what the client sends leaves it the other direction.
    const input = socket.iterator({ destroyOnReturn: false });
    await dialSocket(cli.control, target, input, send, signal);
    socket.end();
  } catch (error) {
    socket.destroy();
    if (signal.aborted || cli.interrupted.aborted) return;
    cli.stderr.write(`a connection ended: ${printable(ConnectError.from(error).rawMessage)}\n`);
  }
}

function formatAddress(address: string, port: number): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}
