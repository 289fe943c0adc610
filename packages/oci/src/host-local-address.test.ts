import { expect, test } from 'vitest';
import { isHostLocal } from './host-local-address.ts';

test.each([
  ...['127.0.0.1', '127.255.255.254', '0.0.0.0', '169.254.169.254', '::1', '[::1]', '::', 'fe80::1'],
  ...['fe80::1%eth0', '::ffff:127.0.0.1', '[::ffff:a9fe:a9fe]'],
])('%s is of this host or its link', (address) => {
  expect(isHostLocal(address)).toBe(true);
});

test.each([
  '192.0.2.1',
  '10.0.0.1',
  '128.0.0.1',
  'fd00::1',
  '2001:db8::1',
  '::ffff:10.0.0.1',
  'localhost',
  '',
])('%j is not', (address) => {
  expect(isHostLocal(address)).toBe(false);
});
