import { expect, test } from 'vitest';
import { parseListenAddress } from './listen-address.ts';

test.each([
  ['127.0.0.1:3035', { host: '127.0.0.1', port: 3035 }],
  ['[::1]:1', { host: '::1', port: 1 }],
  ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
])('%s is an address', (text, address) => {
  expect(parseListenAddress(text)).toEqual(address);
});

test.each(['', '3035', 'localhost:3035', '::1:3035', '127.0.0.1:65536', '[127.0.0.1]:1', '1.2.3.4:'])(
  '%j is refused with an example of what works',
  (text) => {
    expect(() => parseListenAddress(text)).toThrow(/such as 127\.0\.0\.1:3035/);
  },
);
