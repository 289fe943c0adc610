import { Code, ConnectError } from '@connectrpc/connect';
import { CommandError } from './command-error.ts';

/** One line that says what failed, why, and what to do about it. */
export function errorLine(what: string, error: unknown, connection: string): string {
  const text = `error: ${what}: ${reason(error, connection)}`;
  return `${text.replaceAll(/\s*\n\s*/g, '; ').replaceAll(/\p{Cc}/gu, '?')}\n`;
}

/** The status to end with. */
export function exitCodeOf(error: unknown): number {
  return error instanceof CommandError ? error.exitCode : 1;
}

function reason(error: unknown, connection: string): string {
  if (error instanceof CommandError) return error.message;
  if (!(error instanceof ConnectError)) return error instanceof Error ? error.message : String(error);
  const system = systemCode(error);
  if (system === 'ENOENT' || system === 'ECONNREFUSED') {
    const why = system === 'ENOENT' ? 'there is no such socket' : 'nothing listens there';
    return `cannot reach the daemon at unix://${connection}: ${why}; start protect-daemon or give --connection`;
  }
  if (system === 'EACCES') {
    return `cannot reach the daemon at unix://${connection}: permission denied; run as a user who may open the socket`;
  }
  if (error.code === Code.Aborted && system === 'ECONNRESET') {
    return 'the daemon closed the connection; see its log and try again';
  }
  if (error.code === Code.Unimplemented) {
    return `${error.rawMessage || 'the daemon does not offer this'}; another version of the daemon may`;
  }
  return error.rawMessage === '' ? `failed with ${Code[error.code]}` : error.rawMessage;
}

function systemCode(error: unknown): string | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('syscall' in cause && 'code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return undefined;
}
