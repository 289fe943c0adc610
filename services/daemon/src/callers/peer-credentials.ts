import type { Socket } from 'node:net';
import koffi from 'koffi';

/** Who was at the other end of a unix socket when it was connected, as the kernel says. */
export interface PeerCredentials {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
}

const solSocket = 1;
const soPeercred = 17;
/** struct ucred: pid, uid and gid, 4 bytes each. */
const ucredBytes = 12;

// Node has no call for it.
const getsockopt = koffi
  .load(null)
  .func('int getsockopt(int socket, int level, int option, _Out_ uint8_t *value, _Inout_ uint32_t *length)');

/** Undefined for a socket that is closed already, or no unix socket. */
export function peerCredentials(socket: Socket): PeerCredentials | undefined {
  const fd = descriptorOf(socket);
  if (fd === undefined) return undefined;
  const value = Buffer.alloc(ucredBytes);
  const length = [ucredBytes];
  const result: unknown = getsockopt(fd, solSocket, soPeercred, value, length);
  if (result !== 0 || length[0] !== ucredBytes) return undefined;
  const pid = value.readInt32LE(0);
  // Other sockets answer too, with nobody's numbers.
  if (pid <= 0) return undefined;
  return { pid, uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}

function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}
