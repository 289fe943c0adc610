import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { withPlainAuthority } from './http2-authority.ts';

/** How a connection's first bytes say it wants to be served. */
export type ClassifiedConnection =
  | { readonly protocol: 'http1' }
  | { readonly protocol: 'http2'; readonly stream: Duplex };

const preface = 'PRI ';

/**
 * Calls `found` once with the protocol that the peer speaks, before any of its bytes are taken away:
 * Node's cleartext HTTP/2 server takes no HTTP/1.1, so one socket needs both.
 */
export function classifyConnection(socket: Socket, found: (connection: ClassifiedConnection) => void): void {
  let start = Buffer.alloc(0);
  const onReadable = () => {
    const chunk: unknown = socket.read();
    if (!Buffer.isBuffer(chunk)) return;
    start = Buffer.concat([start, chunk]);
    const head = start.toString('latin1', 0, preface.length);
    if (head.length < preface.length && preface.startsWith(head)) return;
    socket.off('readable', onReadable);
    socket.unshift(start);
    found(
      head === preface ? { protocol: 'http2', stream: withPlainAuthority(socket) } : { protocol: 'http1' },
    );
  };
  socket.on('readable', onReadable);
}
