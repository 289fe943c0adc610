import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema } from '@protect/proto/error-details';
import { expect, test } from 'vitest';
import { CommandError, usageError } from './command-error.ts';
import { errorText, exitCodeOf } from './report-error.ts';

function unreachable(code: string): ConnectError {
  const cause = Object.assign(new Error(`connect ${code} /a`), { code, syscall: 'connect' });
  return new ConnectError('unreachable', Code.Unavailable, undefined, undefined, cause);
}

test('a refusal is told with its code, and every wrong field on a line of its own', () => {
  const error = new ConnectError('the zone cannot be made', Code.InvalidArgument, undefined, [
    {
      desc: BadRequestSchema,
      value: {
        fieldViolations: [
          { field: 'spec.name', description: 'must have\nno line ends\x1b[2J' },
          { field: 'spec.initial_resources.max_cpus', description: 'must be at most 8' },
        ],
      },
    },
  ]);
  expect(errorText('zone launch', error, '/a')).toBe(
    [
      'error: zone launch: the zone cannot be made (invalid_argument)',
      '  spec.name: must have; no line ends?[2J',
      '  spec.initial_resources.max_cpus: must be at most 8',
      '',
    ].join('\n'),
  );
});

test.each([
  ['ENOENT', /there is no such socket; start it with "systemctl start protect-daemon"/],
  ['ECONNREFUSED', /nothing listens there; start it with .*, or name its socket with --connection/],
  ['EACCES', /permission denied; run as root or as a member of the group/],
])('a daemon that cannot be reached (%s) is told with its socket and what to do', (code, expected) => {
  const text = errorText('zone list', unreachable(code), '/run/d.socket');
  expect(text).toMatch(/^error: zone list: cannot reach the daemon at unix:\/\/\/run\/d.socket: [^\n]+\n$/);
  expect(text).toMatch(expected);
});

test('what the daemon does not have, and an error without a text, are told as well', () => {
  expect(errorText('zone metrics', new ConnectError('', Code.Unimplemented), '')).toBe(
    'error: zone metrics: the daemon does not offer this; another version of the daemon may (unimplemented)\n',
  );
  expect(errorText('zone list', new ConnectError('', Code.Internal), '')).toBe(
    'error: zone list: failed with internal\n',
  );
});

test('mistakes in usage end with 2, all other failures with 1', () => {
  expect(exitCodeOf(usageError('x'))).toBe(2);
  expect(exitCodeOf(new CommandError('x'))).toBe(1);
  expect(exitCodeOf(new ConnectError('x', Code.InvalidArgument))).toBe(1);
});
