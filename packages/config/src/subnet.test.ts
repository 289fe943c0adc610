import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contains, hasHostBits, overlaps, parseSubnet, reservedOverlap } from './subnet.ts';

const range = (version: 4 | 6, cidr: string) => {
  const parsed = parseSubnet(version, cidr);
  if (parsed === undefined) throw new Error(`${cidr} is no subnet`);
  return parsed;
};

test.each([
  [4, '10.75.0.0'],
  [4, '10.75.0/16'],
  [4, '10.75.0.0/33'],
  [4, '10.75.0.0/016'],
  [4, '10.75.0.0/16/2'],
  [4, 'fd00::/64'],
  [6, '10.75.0.0/16'],
  [6, 'fd00::%eth0/64'],
  [6, '::ffff:10.75.0.0/112'],
  [6, 'fd00::/-1'],
] as const)('IPv%d subnet %j is none', (version, cidr) => {
  expect(parseSubnet(version, cidr)).toBeUndefined();
});

test('two ranges overlap exactly when one holds the first address of the other', () => {
  const anyRange = fc
    .tuple(fc.array(fc.nat(255), { minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 }))
    .map(([bytes, prefixLength]) => ({
      address: bytes.join('.'),
      cidr: `${bytes.join('.')}/${prefixLength}`,
    }));
  fc.assert(
    fc.property(anyRange, anyRange, (a, b) => {
      const both = [range(4, a.cidr), range(4, b.cidr)] as const;
      const [first, second] = both;
      expect(overlaps(first, second)).toBe(contains(first, b.address) || contains(second, a.address));
      expect(overlaps(second, first)).toBe(overlaps(first, second));
    }),
  );
});

test('a range of the other version has nothing in common', () => {
  expect(overlaps(range(4, '0.0.0.0/0'), range(6, '::/0'))).toBe(false);
  expect(contains(range(4, '10.75.0.0/16'), 'fd00::1')).toBe(false);
});

test('bits after the prefix show that an address is no range', () => {
  expect(hasHostBits(range(4, '10.75.0.0/16'))).toBe(false);
  expect(hasHostBits(range(4, '10.75.1.0/16'))).toBe(true);
  expect(hasHostBits(range(6, 'fd00::ffff:0:0/96'))).toBe(false);
  expect(hasHostBits(range(6, 'fd00::1/64'))).toBe(true);
});

test('loopback, link-local and multicast ranges are reserved, private ones are not', () => {
  for (const cidr of ['127.0.0.0/24', '126.0.0.0/7', '169.254.169.0/24', '240.0.0.0/8']) {
    expect(reservedOverlap(range(4, cidr))).toBeDefined();
  }
  for (const cidr of ['fe80::/64', 'ff00::/16', '::/64'])
    expect(reservedOverlap(range(6, cidr))).toBeDefined();
  for (const cidr of ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10']) {
    expect(reservedOverlap(range(4, cidr))).toBeUndefined();
  }
  expect(reservedOverlap(range(6, 'fdd4:1476:6c7e::/48'))).toBeUndefined();
});
