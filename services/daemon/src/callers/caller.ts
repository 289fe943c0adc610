import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { type ContextValues, createContextKey, createContextValues } from '@connectrpc/connect';
import type { BusUser } from '@protect/bus/subjects';
import { type PeerCredentials, peerCredentials } from './peer-credentials.ts';

/** Who makes a call. */
export type Caller =
  /** A process of this host, by the unix socket. */
  | ({ readonly kind: 'process' } & PeerCredentials)
  /** Somebody with a client certificate, by TCP. */
  | {
      readonly kind: 'certificate';
      /** The certificate's subject, most general part first, such as `O=ops, CN=alice`. */
      readonly subject: string;
      /** SHA-256 of the certificate: 64 hexadecimal digits. */
      readonly fingerprint: string;
      /** Where it came from. */
      readonly address: string;
    }
  /** A service of this host, by NATS. */
  | { readonly kind: 'service'; readonly name: BusUser }
  /** Nobody can tell; such calls are refused. */
  | { readonly kind: 'unknown' };

export const unknownCaller: Caller = { kind: 'unknown' };

/** Where handlers and interceptors find the caller. */
export const callerKey = createContextKey<Caller>(unknownCaller, { description: 'who makes the call' });

/** The caller at the other end of a connection. */
export function callerOnSocket(socket: Socket): Caller {
  if (socket instanceof TLSSocket) return callerByCertificate(socket);
  const credentials = peerCredentials(socket);
  return credentials === undefined ? unknownCaller : { kind: 'process', ...credentials };
}

/** Values of the calls of one connection. */
export function socketCallValues(socket: Socket): () => ContextValues {
  const caller = callerOnSocket(socket);
  return () => createContextValues().set(callerKey, caller);
}

/** Values of a call that came over NATS. */
export function busCallValues(user: BusUser | undefined): ContextValues {
  const caller: Caller = user === undefined ? unknownCaller : { kind: 'service', name: user };
  return createContextValues().set(callerKey, caller);
}

/** What the calls of one caller are counted by: a user, not each of its processes. */
export function callerAccount(caller: Caller): string {
  switch (caller.kind) {
    case 'process':
      return `user ${caller.uid}`;
    case 'certificate':
      return `certificate ${caller.fingerprint}`;
    case 'service':
      return `service ${caller.name}`;
    case 'unknown':
      return 'unknown caller';
    default:
      return caller satisfies never;
  }
}

function callerByCertificate(socket: TLSSocket): Caller {
  const certificate = socket.getPeerX509Certificate();
  if (!socket.authorized || certificate === undefined) return unknownCaller;
  return {
    kind: 'certificate',
    subject: certificate.subject.replaceAll('\n', ', '),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    address: socket.remoteAddress ?? '',
  };
}
