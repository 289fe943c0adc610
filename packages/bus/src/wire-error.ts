import { Code, ConnectError } from '@connectrpc/connect';
import {
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJson,
} from '@connectrpc/connect/protocol-connect';
import { maxErrorBytes } from './limits.ts';

/** Errors on the wire: Connect's JSON, with code, message and details (base64 of the protobuf). */

/** Why signals of calls that have ended fire. One for all: an error with its stack costs more than a call. */
export const callOver = new ConnectError('the call is over', Code.Canceled);

const encoder = new TextEncoder();

/** The error as the body of a plain answer. Details that would make it too large are left out. */
export function encodeError(error: ConnectError): Uint8Array {
  const bytes = encoder.encode(JSON.stringify(errorToJson(error, undefined)));
  return bytes.length <= maxErrorBytes ? bytes : encodeError(shortened(error));
}

export function decodeError(bytes: Uint8Array, metadata: Headers): ConnectError {
  const fallback = new ConnectError('the service answered with an error that cannot be read', Code.Internal);
  return errorFromJsonBytes(bytes, metadata, fallback);
}

/** The last frame of a call: its error, if any, and the trailers. */
export function encodeEnd(trailer: Headers, error: ConnectError | undefined): Uint8Array {
  const bytes = encoder.encode(JSON.stringify(endStreamToJson(trailer, error, undefined)));
  if (bytes.length <= maxErrorBytes) return bytes;
  const text = 'the trailers are too large for the bus';
  const cause = error ? shortened(error) : new ConnectError(text, Code.ResourceExhausted);
  return encodeEnd(new Headers(), cause);
}

/** Throws when `body` is no such frame. */
export function decodeEnd(body: Uint8Array): { trailer: Headers; error: ConnectError | undefined } {
  const { metadata, error } = endStreamFromJson(body);
  return { trailer: metadata, error };
}

function shortened(error: ConnectError): ConnectError {
  return new ConnectError(error.rawMessage.slice(0, maxErrorBytes / 8), error.code);
}
