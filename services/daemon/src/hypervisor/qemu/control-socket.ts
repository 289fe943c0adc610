import { open } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { Code, ConnectError } from '@connectrpc/connect';
import { withDeadline } from './deadline.ts';

/** Milliseconds until a connection is made or refused; only a hung hypervisor needs them. */
const connectDeadlineMs = 5_000;

/** The sockets in a zone's control folder; QEMU takes one client at a time on each. */
export type ControlSocketName = 'qmp' | 'idm' | 'console';

/** The file name of a control socket. */
export function controlSocketFile(name: ControlSocketName): string {
  return `${name}.sock`;
}

/** Connects to one of QEMU's sockets in `controlFolder`, however long that path is. */
export async function connectControlSocket(
  controlFolder: string,
  name: ControlSocketName,
  signal: AbortSignal,
): Promise<Socket> {
  // The address of a unix socket has 108 bytes; by way of the open folder it is always short.
  const folder = await open(controlFolder);
  let socket: Socket | undefined;
  try {
    const made = connect({
      path: `/proc/self/fd/${folder.fd}/${controlSocketFile(name)}`,
      allowHalfOpen: false,
    });
    socket = made;
    const connected = new Promise<Socket>((resolve, reject) => {
      made.once('connect', () => resolve(made));
      made.once('error', (error) => {
        const text = `the ${name} socket of the hypervisor in ${controlFolder} cannot be reached: ${error.message}`;
        reject(new ConnectError(text, Code.Unavailable, undefined, undefined, error));
      });
    });
    return await withDeadline(connected, `to accept a ${name} connection`, connectDeadlineMs, signal);
  } catch (error) {
    socket?.destroy();
    throw error;
  } finally {
    await folder.close();
  }
}
