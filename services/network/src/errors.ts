import { Code, ConnectError } from '@connectrpc/connect';

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

/** INTERNAL, with the tool's or the database's own error as the cause; errors that are told already pass. */
export function internal(error: unknown, what: string): ConnectError {
  if (error instanceof ConnectError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ConnectError(`cannot ${what}: ${reason}`, Code.Internal, undefined, undefined, error);
}
