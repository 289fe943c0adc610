import { Code, ConnectError } from '@connectrpc/connect';
import { ImageError, type ImageErrorKind } from '@protect/oci/image-error';
import { isDiskFull } from '@protect/service/disk-full';

const imageCodes: Record<ImageErrorKind, Code> = {
  'not-found': Code.NotFound,
  broken: Code.InvalidArgument,
  denied: Code.PermissionDenied,
  unavailable: Code.Unavailable,
  unsupported: Code.Unimplemented,
  limit: Code.ResourceExhausted,
  invalid: Code.InvalidArgument,
};

/** Codes that say something of the caller; when it is not so, they get the code on the right. */
const notTheCaller: ReadonlyMap<Code, Code> = new Map([
  // Something else was given up in the middle: its object is destroyed, or the daemon stops.
  [Code.Canceled, Code.Aborted],
  // A deadline of the daemon's own: the zone or a service does not answer.
  [Code.DeadlineExceeded, Code.Unavailable],
  [Code.Unknown, Code.Internal],
]);

/**
 * The error that a caller gets for what was thrown: never UNKNOWN, CANCELED only for a caller that has gone
 * away, DEADLINE_EXCEEDED only for a deadline of its own. What is unexpected is told in the log alone.
 */
export function toCallError(thrown: unknown, method: string, signal: AbortSignal): ConnectError {
  const known = toKnownError(thrown);
  if (signal.aborted && (!(thrown instanceof ConnectError) || notTheCaller.has(known.code))) {
    return abortError(method, signal.reason, thrown);
  }
  const code = notTheCaller.get(known.code);
  return code === undefined ? known : withCode(known, code);
}

/** The error of a call whose signal has fired. */
export function abortError(method: string, reason: unknown, cause: unknown = reason): ConnectError {
  if (!(reason instanceof ConnectError) || reason.code === Code.Canceled) {
    return new ConnectError('the caller went away', Code.Canceled, undefined, undefined, cause);
  }
  if (reason.code !== Code.DeadlineExceeded) return reason;
  const text = `${method} took longer than the deadline that came with the call; what has begun goes on`;
  return new ConnectError(text, Code.DeadlineExceeded, undefined, undefined, cause);
}

function toKnownError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (thrown instanceof ImageError) {
    return new ConnectError(thrown.message, imageCodes[thrown.kind], undefined, undefined, thrown);
  }
  const name = thrown instanceof Error ? thrown.name : '';
  if (name === 'AbortError') {
    return new ConnectError('the call was interrupted', Code.Canceled, undefined, undefined, thrown);
  }
  if (name === 'TimeoutError') {
    return new ConnectError('it took too long', Code.DeadlineExceeded, undefined, undefined, thrown);
  }
  if (isDiskFull(thrown)) {
    const text =
      'the disk is full: the daemon could not store what this takes; free space below its state folder';
    return new ConnectError(text, Code.ResourceExhausted, undefined, undefined, thrown);
  }
  const text = 'the daemon failed to carry this out; its log says why';
  return new ConnectError(text, Code.Internal, undefined, undefined, thrown);
}

function withCode(error: ConnectError, code: Code): ConnectError {
  const changed = new ConnectError(error.rawMessage, code, undefined, undefined, error);
  changed.details.push(...error.details);
  return changed;
}
