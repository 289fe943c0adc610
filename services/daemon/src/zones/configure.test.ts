import { expect, test } from 'vitest';
import type { ZoneSpec } from '../state/zone-record.ts';
import { zoneConfiguration } from './configure.ts';
import { askedZoneSpec, zoneRecordOf } from './test-zone.ts';

const link = {
  hostInterface: 'tap',
  zoneMac: '02:00:00:00:00:01',
  gatewayMac: '02:00:00:00:00:02',
  ipv4: '10.75.0.5/32',
  ipv6: '',
  gatewayIpv4: '10.75.0.1',
  gatewayIpv6: '',
  mtu: 1500,
  nameservers: ['1.1.1.1'],
};

function resolverFor(dns: ZoneSpec['network']['dns']) {
  const network: ZoneSpec['network'] = {
    backend: 'default',
    retainReservation: false,
    ...(dns === undefined ? {} : { dns }),
  };
  const record = zoneRecordOf({
    spec: askedZoneSpec({ network }),
    placement: { domid: 1, disks: [], link },
  });
  return zoneConfiguration(record).resolver;
}

test('a zone that says nothing of names has the name servers of daemon.toml', () => {
  expect(resolverFor(undefined)).toEqual({ nameservers: ['1.1.1.1'], searches: [], options: [] });
});

test('search domains and options leave those name servers, name servers take their place', () => {
  const searched = { nameservers: [], searches: ['example.com'], options: ['ndots:2'] };
  expect(resolverFor(searched)).toEqual({ ...searched, nameservers: ['1.1.1.1'] });
  const own = { nameservers: ['10.0.0.9'], searches: [], options: [] };
  expect(resolverFor(own)).toEqual(own);
});
