import { Code, ConnectError } from '@connectrpc/connect';
import type { Error as WireError } from '@protect/proto/idm';

/** Characters of a zone's error text that reach callers. */
const messageMaxCharacters = 1024;

function codeOf(value: number): Code {
  return value >= Code.Canceled && value <= Code.Unauthenticated ? value : Code.Unknown;
}

/** Text that came from a zone, safe to show: bounded and on one line, without control characters. */
export function zoneText(text: string): string {
  return text.slice(0, messageMaxCharacters).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\u{FFFD}');
}

/** The error that a zone answered with, as the project's own. */
export function zoneError(error: WireError): ConnectError {
  return new ConnectError(zoneText(error.message) || 'the zone gave no reason', codeOf(error.code));
}
