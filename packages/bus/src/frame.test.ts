import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeFrame, encodeFrame, type Frame, nextSequence } from './frame.ts';

const sequence = fc.nat(2 ** 32 - 1);
const body = fc.uint8Array({ maxLength: 200 });
const frames: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ kind: fc.constant('data' as const), sequence, more: fc.boolean(), body }),
  fc.record({ kind: fc.constantFrom('headers' as const, 'end' as const), sequence, body }),
  fc.record({ kind: fc.constant('half-close' as const), sequence }),
  fc.record({ kind: fc.constant('credit' as const), totalBytes: fc.maxSafeNat() }),
  fc.record({ kind: fc.constantFrom('ping' as const, 'pong' as const, 'cancel' as const) }),
  fc.record({ kind: fc.constant('reset' as const), reason: fc.string({ unit: 'grapheme', maxLength: 50 }) }),
);

test('frame: what is encoded is decoded', () => {
  fc.assert(
    fc.property(frames, (frame) => {
      const decoded = decodeFrame(encodeFrame(frame));
      expect({ ...decoded, ...plainBody(decoded) }).toEqual({ ...frame, ...plainBody(frame) });
    }),
  );
});

test('frame: any bytes are a frame or none, never an exception', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeFrame(bytes)));
});

test('frame: a credit of another length is none', () => {
  expect(decodeFrame(new Uint8Array([6, 0, 0, 0, 0, 1, 2, 3]))).toBeUndefined();
});

test('frame: a reason is cut to what fits', () => {
  expect(encodeFrame({ kind: 'reset', reason: 'x'.repeat(100_000) }).length).toBeLessThan(2_000);
});

test('frame: sequence numbers start again after 2³²', () => {
  expect(nextSequence(2 ** 32 - 1)).toBe(0);
});

function plainBody(frame: Frame | undefined) {
  return frame && 'body' in frame ? { body: [...frame.body] } : {};
}
