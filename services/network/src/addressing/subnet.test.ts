import { expect, test } from 'vitest';
import { formatAddress } from './ip-address.ts';
import { lowestFree } from './lowest-free.ts';
import { parseSubnet, subnetOf } from './subnet.ts';

test('subnet: the first address is the gateway, the second the host, zones get what follows', () => {
  const subnet = parseSubnet('ipv4', '10.75.0.0/16');
  expect(subnet).toMatchObject({ gateway: '10.75.0.1', host: '10.75.0.2', prefixLength: 16 });
  expect(formatAddress('ipv4', subnet.firstZone)).toBe('10.75.0.3');
  expect(formatAddress('ipv4', subnet.lastZone)).toBe('10.75.255.254');
});

test('subnet: IPv6 is put in canonical form', () => {
  expect(parseSubnet('ipv6', 'FDD4:1476:6C7E:0::/48')).toMatchObject({
    cidr: 'fdd4:1476:6c7e::/48',
    gateway: 'fdd4:1476:6c7e::1',
    host: 'fdd4:1476:6c7e::2',
  });
});

test.each([
  ['ipv4', '10.75.0.0', 'is not an ipv4 subnet such as 10.75.0.0/16'],
  ['ipv4', '10.75.0.0/16/2', 'is not an ipv4 subnet'],
  ['ipv4', '10.75.0.1/16', 'write 10.75.0.0/16'],
  ['ipv4', '10.75.0.0/30', 'must be from 8 to 29'],
  ['ipv6', 'fd00::/127', 'must be from 16 to 124'],
  ['ipv6', '10.75.0.0/16', 'is not an ipv6 subnet'],
] as const)('subnet: %s %s is refused with the reason', (family, cidr, reason) => {
  expect(() => parseSubnet(family, cidr)).toThrow(reason);
});

test('subnet: an address leads back to its subnet', () => {
  expect(subnetOf('ipv6', 'fdd4:1476:6c7e::99', 48)).toEqual(parseSubnet('ipv6', 'fdd4:1476:6c7e::/48'));
});

test('lowest free: gaps are filled from below until the subnet is full', () => {
  const subnet = parseSubnet('ipv4', '10.0.0.0/29');
  const used = new Set<bigint>();
  const given: string[] = [];
  for (let next = lowestFree(subnet, used); next !== undefined; next = lowestFree(subnet, used)) {
    used.add(next);
    given.push(formatAddress('ipv4', next));
  }
  expect(given).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  used.delete(subnet.firstZone + 1n);
  expect(lowestFree(subnet, used)).toBe(subnet.firstZone + 1n);
});
