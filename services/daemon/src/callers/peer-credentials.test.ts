import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type ListenOptions, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { peerCredentials } from './peer-credentials.ts';

const end = (socket: Socket) => void socket.destroy();

/** Both ends of a connection with ourselves. */
async function connected(to: ListenOptions & { port?: number }) {
  await using parts = new AsyncDisposableStack();
  const arrived = Promise.withResolvers<Socket>();
  const server = createServer(arrived.resolve);
  await new Promise<void>((resolve) => server.listen(to, resolve));
  parts.defer(() => void server.close());
  const address = server.address();
  if (address === null) throw new Error('not listening');
  const client = parts.adopt(typeof address === 'string' ? connect(address) : connect(address.port), end);
  const socket = parts.adopt(await arrived.promise, end);
  const open = parts.move();
  return { socket, client, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

describe('credentials of a peer', () => {
  it('are those of the process that connected, until the connection is closed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'protect-peer-'));
    try {
      await using connection = await connected({ path: join(folder, 'socket') });
      const [uid, gid] = [process.getuid?.(), process.getgid?.()];
      expect(peerCredentials(connection.socket)).toEqual({ uid, gid, pid: process.pid });
      connection.socket.destroy();
      expect(peerCredentials(connection.socket)).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('are unknown over TCP', async () => {
    await using connection = await connected({ host: '127.0.0.1', port: 0 });
    expect(peerCredentials(connection.socket)).toBeUndefined();
  });
});
