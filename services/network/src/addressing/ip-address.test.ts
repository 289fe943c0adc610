import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatAddress, parseAddress } from './ip-address.ts';

test('ip address: every address is written so that it reads as the same number', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }), (number) => {
      expect(parseAddress('ipv6', formatAddress('ipv6', number))).toBe(number);
      const low = number & 0xffffffffn;
      expect(parseAddress('ipv4', formatAddress('ipv4', low))).toBe(low);
    }),
  );
});

test('ip address: IPv6 is written as the system writes it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('0', '1', 'ab', 'ffff'), { minLength: 8, maxLength: 8 }),
      (groups) => {
        // The system spells some of these with an IPv4 address at the end, which we never do.
        fc.pre(groups.slice(0, 5).some((group) => group !== '0'));
        const number = parseAddress('ipv6', groups.join(':'));
        expect(number).toBeDefined();
        const system = new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address;
        expect(formatAddress('ipv6', number ?? 0n)).toBe(system);
      },
    ),
  );
});

test.each(['', '1.2.3', '1.2.3.256', '::1', 'fe80::1%eth0', '::ffff:1.2.3.4'])(
  'ip address: %j is refused where it does not belong',
  (text) => {
    expect(parseAddress(text.startsWith('::1') ? 'ipv4' : 'ipv6', text)).toBeUndefined();
  },
);
