import { Code, ConnectError } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { BadRequestSchema } from '@protect/proto/error-details';
import { CommandError } from './command-error.ts';
import { printable } from './printable.ts';

/**
 * One line that says what failed, why, and what to do about it, with the code of a refusal by the daemon;
 * then a line for each field of the request that the daemon found wrong.
 */
export function errorText(what: string, error: unknown, connection: string): string {
  const lines = [`error: ${what}: ${reason(error, connection)}`, ...violations(error)];
  return lines.map((line) => `${printable(line.replaceAll(/\s*\n\s*/g, '; '))}\n`).join('');
}

/** The status to end with. */
export function exitCodeOf(error: unknown): number {
  return error instanceof CommandError ? error.exitCode : 1;
}

function reason(error: unknown, connection: string): string {
  if (error instanceof CommandError) return error.message;
  if (!(error instanceof ConnectError)) return error instanceof Error ? error.message : String(error);
  const unreachable = whyUnreachable(error);
  if (unreachable !== undefined) {
    return `cannot reach the daemon at unix://${connection}: ${unreachable}`;
  }
  if (error.code === Code.Aborted && systemCode(error) === 'ECONNRESET') {
    return 'the daemon closed the connection; see its log and try again';
  }
  const code = codeToString(error.code);
  if (error.code === Code.Unimplemented) {
    return `${error.rawMessage || 'the daemon does not offer this'}; another version of the daemon may (${code})`;
  }
  return error.rawMessage === '' ? `failed with ${code}` : `${error.rawMessage} (${code})`;
}

function whyUnreachable(error: ConnectError): string | undefined {
  const start =
    'start it with "systemctl start protect-daemon" ("npm start -- --keep" in a checkout), or name its socket with --connection';
  switch (systemCode(error)) {
    case 'ENOENT':
      return `there is no such socket; ${start}`;
    case 'ECONNREFUSED':
      return `nothing listens there; ${start}`;
    case 'EACCES':
      return 'permission denied; run as root or as a member of the group that the socket belongs to';
    default:
      return undefined;
  }
}

function systemCode(error: unknown): string | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ('syscall' in cause && 'code' in cause && typeof cause.code === 'string') return cause.code;
  }
  return undefined;
}

function violations(error: unknown): string[] {
  if (!(error instanceof ConnectError)) return [];
  const found = error.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations);
  return found.map(({ field, description }) => `  ${field}: ${description}`);
}
