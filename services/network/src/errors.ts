import { Code, ConnectError } from '@connectrpc/connect';
import { isDiskFull } from '@protect/service/disk-full';

export function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

export function missing(message: string, cause?: unknown): ConnectError {
  return new ConnectError(message, Code.NotFound, undefined, undefined, cause);
}

export function refused(message: string): ConnectError {
  return new ConnectError(message, Code.FailedPrecondition);
}

/** Somebody else has it; it would be no use to wait a little. */
export function conflict(message: string): ConnectError {
  return new ConnectError(message, Code.Aborted);
}

export function exhausted(message: string): ConnectError {
  return new ConnectError(message, Code.ResourceExhausted);
}

/** RESOURCE_EXHAUSTED for a full disk, else INTERNAL, with the tool's or the database's own error as the cause; errors that are told already pass. */
export function internal(error: unknown, what: string): ConnectError {
  if (error instanceof ConnectError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error)) {
    const text = `cannot ${what}: the disk is full; free space below the state folder`;
    return new ConnectError(text, Code.ResourceExhausted, undefined, undefined, error);
  }
  return new ConnectError(`cannot ${what}: ${reason}`, Code.Internal, undefined, undefined, error);
}
