import { Code, ConnectError } from '@connectrpc/connect';
import { isDiskFull } from '@protect/service/disk-full';

/** Whether `error` is one of Node's with one of these codes, such as ENOENT. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code);
}

/**
 * The error of a step that met the host's filesystem, as the caller is told: RESOURCE_EXHAUSTED for a full
 * disk, NOT_FOUND for an absent file, INTERNAL for the rest. `what` says what could not be done.
 */
export function filesystemError(error: unknown, what: string): ConnectError {
  if (error instanceof ConnectError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error)) {
    return new ConnectError(
      `cannot ${what}: the disk is full; free space below the state folder`,
      Code.ResourceExhausted,
      undefined,
      undefined,
      error,
    );
  }
  const code = hasCode(error, 'ENOENT') ? Code.NotFound : Code.Internal;
  return new ConnectError(`cannot ${what}: ${reason}`, code, undefined, undefined, error);
}

export function invalid(message: string): ConnectError {
  return new ConnectError(message, Code.InvalidArgument);
}

export function refused(message: string): ConnectError {
  return new ConnectError(message, Code.FailedPrecondition);
}

export function absent(message: string): ConnectError {
  return new ConnectError(message, Code.NotFound);
}
