import { Code, ConnectError } from '@connectrpc/connect';

const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** INVALID_ARGUMENT when `text` is no digest. */
export function decodeDigest(text: string): string {
  if (digestPattern.test(text)) return text;
  const shown = JSON.stringify(text.slice(0, 80));
  throw new ConnectError(`${shown} is no image digest (sha256:…)`, Code.InvalidArgument);
}
