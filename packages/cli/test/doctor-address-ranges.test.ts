import { expect, test } from 'vitest';
import { addressRanges } from '../src/doctor/checks/address-ranges.ts';
import { type FakeHostOptions, findings } from './fake-host.ts';

test.each<[string, FakeHostOptions, string]>([
  [
    'an address range that is in use',
    {
      files: {
        '/proc/net/route':
          'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n' +
          'eth0\t00000000\t0101000A\t0003\t0\t0\t0\t00000000\n' +
          'pz0123456789ab\t05004B0A\t00000000\t0001\t0\t0\t0\tFFFFFFFF\n' +
          'eth0\t0000000A\t00000000\t0001\t0\t0\t0\t000000FF\n',
      },
    },
    'warning address ranges: 10.75.0.0/16 for zones overlaps 10.0.0.0/8, to which the host has a route (eth0)',
  ],
  [
    'an IPv6 range that is in use',
    {
      files: {
        '/proc/net/ipv6_route': `fdd41476${'0'.repeat(24)} 20 ${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00000100 00000001 00000000 00000001 eth1\n`,
      },
    },
    'warning address ranges: fdd4:1476:6c7e::/48 for zones overlaps fdd4:1476:0000:0000:0000:0000:0000:0000/32, to which the host has a route (eth1)',
  ],
  ['free address ranges', {}, 'ok address ranges: 10.75.0.0/16 and fdd4:1476:6c7e::/48'],
])('%s', async (_title, options, expected) => {
  expect(await findings(addressRanges, options)).toEqual([expected]);
});
