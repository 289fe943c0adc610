import { invalidField } from '../invalid-argument.ts';

const digestPattern = /^sha256:[0-9a-f]{64}$/;

/** INVALID_ARGUMENT when `text`, the value of `field`, is no digest. */
export function decodeDigest(text: string, field = 'digest'): string {
  if (digestPattern.test(text)) return text;
  const shown = JSON.stringify(text.slice(0, 80));
  throw invalidField(field, `${shown} is no image digest (sha256:…)`);
}
