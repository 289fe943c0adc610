import { ImageError } from './image-error.ts';
import type { HttpAnswer } from './registry-http.ts';
import { parseRetryAfter, TransientError } from './transient-error.ts';

const transientStatus: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/** What an answer other than success means; `who` gave it, and `remedy` helps when it refuses the credentials. */
export function failedAnswer(who: string, { status, headers }: HttpAnswer, remedy: string): ImageError {
  if (status === 400 || status === 401 || status === 403)
    return new ImageError('denied', `${who} answers ${status}; ${remedy}`);
  if (status === 429 || status >= 500) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'], Date.now());
    const when = retryAfterMs === undefined ? 'later' : `in ${Math.ceil(retryAfterMs / 1000)} s`;
    const text = `${who} answers ${status}; try again ${when}`;
    const passes = transientStatus.includes(status);
    return passes ? new TransientError(text, { retryAfterMs }) : new ImageError('unavailable', text);
  }
  return new ImageError('broken', `${who} answers ${status}`);
}
