import { Code, ConnectError } from '@connectrpc/connect';
import { z } from 'zod';

/** Headers of calls: which names are the bus's own, and how the others travel. */

export const streamHeader = 'Protect-Stream';
export const timeoutHeader = 'Protect-Timeout-Ms';
export const errorHeader = 'Nats-Service-Error';
export const errorCodeHeader = 'Nats-Service-Error-Code';
const trailerPrefix = 'protect-trailer-';

const pairsSchema = z.array(z.tuple([z.string(), z.string()]));

/** The caller's or handler's own headers, without those that the bus itself sets. */
export function foreignHeaders(headers: Headers): [string, string][] {
  return [...headers].filter(([name]) => !isOwn(name));
}

export function trailerHeaders(trailer: Headers): [string, string][] {
  return foreignHeaders(trailer).map(([name, value]) => [`${trailerPrefix}${name}`, value]);
}

/** Takes a plain answer's headers apart. */
export function splitHeaders(received: Headers): { header: Headers; trailer: Headers } {
  const [header, trailer] = [new Headers(), new Headers()];
  for (const [name, value] of received) {
    if (name.startsWith(trailerPrefix)) trailer.append(name.slice(trailerPrefix.length), value);
    else if (!isOwn(name)) header.append(name, value);
  }
  return { header, trailer };
}

export function encodeHeaders(headers: Headers): Uint8Array {
  return Buffer.from(JSON.stringify(foreignHeaders(headers)));
}

/** Throws INTERNAL when `body` is no list of headers. */
export function decodeHeaders(body: Uint8Array): Headers {
  try {
    return new Headers(pairsSchema.parse(JSON.parse(Buffer.from(body).toString())));
  } catch (cause) {
    const text = 'the service answered with headers that cannot be read';
    throw new ConnectError(text, Code.Internal, undefined, undefined, cause);
  }
}

/** Bytes that these headers take on the wire, roughly. */
export function headerBytes(headers: Iterable<readonly [string, string]>): number {
  let bytes = 0;
  for (const [name, value] of headers) bytes += name.length + 2 * value.length + 4;
  return bytes;
}

function isOwn(name: string): boolean {
  return name === 'content-type' || name.startsWith('protect-') || name.startsWith('nats-');
}
