import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { withDeadline } from '../deadline.ts';

/** Milliseconds until a connection is made or refused; only a hung hypervisor needs them. */
const connectDeadlineMs = 5_000;

/** Milliseconds between attempts while QEMU still has its last client. */
const busyPauseMs = 10;

/** The sockets in a zone's control folder; QEMU takes one client at a time on each. */
export type ControlSocketName = 'qmp' | 'idm' | 'console';

/** The file name of a control socket. */
export function controlSocketFile(name: ControlSocketName): string {
  return `${name}.sock`;
}

/**
 * Connects to one of QEMU's sockets in `controlFolder`, however long that path is. Waits while QEMU has not
 * yet noticed that its last client, perhaps of a daemon that was killed, is gone.
 */
export async function connectControlSocket(
  controlFolder: string,
  name: ControlSocketName,
  signal: AbortSignal,
): Promise<Socket> {
  // The address of a unix socket has 108 bytes; by way of the open folder it is always short.
  const folder = await open(controlFolder);
  const ended = new AbortController();
  try {
    const connected = connectWhenFree(
      `/proc/self/fd/${folder.fd}/${controlSocketFile(name)}`,
      AbortSignal.any([signal, ended.signal]),
    ).catch((error: Error) => {
      const text = `the ${name} socket of the hypervisor in ${controlFolder} cannot be reached: ${error.message}`;
      throw new ConnectError(text, Code.Unavailable, undefined, undefined, error);
    });
    return await withDeadline(connected, `to accept a ${name} connection`, connectDeadlineMs, signal);
  } catch (error) {
    ended.abort();
    throw error;
  } finally {
    await folder.close();
  }
}

/** EAGAIN says that the place of the one client who may wait is taken; nothing tells when it is free. */
async function connectWhenFree(path: string, signal: AbortSignal): Promise<Socket> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await connectOnce(path, signal);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await delay(busyPauseMs, undefined, { signal });
    }
  }
}

function connectOnce(path: string, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ path, allowHalfOpen: false });
  return new Promise((resolve, reject) => {
    const give = () => {
      socket.destroy();
      reject(signal.reason);
    };
    signal.addEventListener('abort', give, { once: true });
    socket.once('connect', () => {
      signal.removeEventListener('abort', give);
      resolve(socket);
    });
    socket.once('error', (error) => {
      signal.removeEventListener('abort', give);
      socket.destroy();
      reject(error);
    });
  });
}
