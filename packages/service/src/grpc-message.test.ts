import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sparselyEncoded } from './grpc-message.ts';

test('a status message keeps its punctuation, and nothing that a header cannot carry', () => {
  const sparse = sparselyEncoded(encodeURIComponent('zone “a” is gone; 50% left, see /run?\n'));
  expect(sparse).toBe('zone %E2%80%9Ca%E2%80%9D is gone; 50%25 left, see /run?%0A');
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
      fc.pre(text.isWellFormed());
      const encoded = sparselyEncoded(encodeURIComponent(text));
      expect(encoded).toMatch(/^[\x20-\x7e]*$/);
      expect(decodeURIComponent(encoded)).toBe(text);
    }),
  );
});

test('a status message that is not percent-encoded stays as it is', () => {
  expect(sparselyEncoded('100% sure')).toBe('100% sure');
});
