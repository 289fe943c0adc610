import { expect, test } from 'vitest';
import { dnsViolations } from './dns-violations.ts';

const none = { nameservers: [], searches: [], options: [] };

test('addresses of both families, domains and options are taken', () => {
  const dns = {
    nameservers: ['10.0.0.1', '2606:4700:4700::1111', 'fe80::1%eth0'],
    searches: ['svc.cluster.local', 'example.com.', '.', '_srv'],
    options: ['ndots:2', 'edns0', 'trust-ad'],
  };
  expect([...dnsViolations(dns)]).toEqual([]);
  expect([...dnsViolations(undefined)]).toEqual([]);
});

test.each([
  ['nameservers[0]', { nameservers: ['ns.example.com'] }],
  ['nameservers[1]', { nameservers: ['10.0.0.1', '10.0.0.256'] }],
  ['nameservers[0]', { nameservers: ['10.0.0.1\nsearch evil.example'] }],
  ['searches[0]', { searches: ['a b'] }],
  ['searches[0]', { searches: [''] }],
  ['options[0]', { options: ['ndots 2'] }],
  ['options', { options: Array.from({ length: 17 }, (_, index) => `option-${index}`) }],
])('what is no entry of resolv.conf is refused by its place: %s', (field, more) => {
  const fields = [...dnsViolations({ ...none, ...more })].map((violation) => violation.field);
  expect(fields).toEqual([`spec.network_options.dns_config.${field}`]);
});
