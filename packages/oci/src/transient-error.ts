import { ImageError } from './image-error.ts';

/** A failure that the same request may not meet a moment later. */
export class TransientError extends ImageError {
  /** How long the server asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly retryAfterMs?: number | undefined } = {}) {
    super('unavailable', message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The time in a `Retry-After` header, which is in seconds or a date; undefined when there is none. */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // A date has letters; Date.parse takes numbers such as -1 for years.
  const date = /^[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
