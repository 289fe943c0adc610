import { expect, test } from 'vitest';
import { parsePolicy } from './apt-candidates.ts';

test('the candidates of all packages that apt knows are read', () => {
  const output = [
    'nats-server:',
    '  Installed: 2.9.10-1+b4',
    '  Candidate: 2.9.11-1',
    '  Version table:',
    '     2.9.11-1 500',
    '        500 http://deb.debian.org/debian bookworm/main amd64 Packages',
    ' *** 2.9.10-1+b4 100',
    'xen-utils-4.17:',
    '  Installed: (none)',
    '  Candidate: 4.17.7+13-g2445b30a44-0+deb12u1',
    'linux-image-amd64:',
    '  Installed: (none)',
    '  Candidate: (none)',
    '',
  ].join('\n');
  expect([...parsePolicy(output)]).toEqual([
    ['nats-server', '2.9.11-1'],
    ['xen-utils-4.17', '4.17.7+13-g2445b30a44-0+deb12u1'],
  ]);
});

test('nothing is read from nothing', () => {
  expect(parsePolicy('').size).toBe(0);
});
