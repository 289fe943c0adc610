import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linkLocalOf, macFrom } from './mac.ts';

test('mac: every address is a locally administered unicast address', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (random) => {
      const mac = macFrom(random);
      expect(mac).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/);
      expect(Number.parseInt(mac.slice(0, 2), 16) & 0b11).toBe(0b10);
    }),
  );
});

test('mac: the link-local address is the one that Linux derives', () => {
  expect(linkLocalOf('02:11:22:33:44:55')).toBe('fe80::11:22ff:fe33:4455');
});
