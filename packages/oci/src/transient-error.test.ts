import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseRetryAfter } from './transient-error.ts';

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);

test.each([
  ['0', 0],
  [' 120 ', 120_000],
  ['Fri, 02 Jan 2026 03:04:15 GMT', 10_000],
  ['Fri, 02 Jan 2026 03:04:00 GMT', 0],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After: %s is %s ms', (header, ms) => {
  expect(parseRetryAfter(header, nowMs)).toBe(ms);
});

test('no header makes a negative time or none at all', () => {
  fc.assert(
    fc.property(fc.string(), (header) => {
      expect(parseRetryAfter(header, nowMs) ?? 0).toBeGreaterThanOrEqual(0);
    }),
  );
});
