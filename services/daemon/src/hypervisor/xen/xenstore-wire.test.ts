import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createPacketDecoder, decodeStrings, encodePacket, encodeStrings } from './xenstore-wire.ts';

const anyPacket = fc.record({
  type: fc.nat({ max: 30 }),
  request: fc.nat(),
  payload: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
});

it('gives the packets back, however their bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(anyPacket), fc.integer({ min: 1, max: 50 }), (packets, step) => {
      const bytes = Buffer.concat(packets.map(encodePacket));
      const decode = createPacketDecoder();
      const decoded = [];
      for (let at = 0; at < bytes.length; at += step) decoded.push(...decode(bytes.subarray(at, at + step)));
      expect(decoded).toEqual(packets);
    }),
  );
});

it('refuses a packet that is too long, before its bytes have come', () => {
  const header = encodePacket({ type: 2, request: 1, payload: Buffer.alloc(5000) }).subarray(0, 16);
  expect(() => createPacketDecoder()(header)).toThrow('5000 bytes');
});

it('parts strings as it joined them', () => {
  const strings = fc.array(fc.string().filter((text) => !text.includes('\0')));
  fc.assert(
    fc.property(strings, (texts) => {
      expect(decodeStrings(encodeStrings(...texts))).toEqual(texts);
    }),
  );
});
