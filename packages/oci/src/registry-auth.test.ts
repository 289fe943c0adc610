import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { answerChallenge, parseChallenge } from './registry-auth.ts';
import { defaultPace, openRegistryHttp } from './registry-http.ts';

describe('registry challenges', () => {
  test.each([
    ['Basic realm="x"', { scheme: 'basic', parameters: { realm: 'x' } }],
    [
      'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.example/token',
          service: 'reg',
          scope: 'repository:a/b:pull,push',
        },
      },
    ],
    [
      'bearer Realm=https://a/t, service="q\\"uote"',
      { scheme: 'bearer', parameters: { realm: 'https://a/t', service: 'q"uote' } },
    ],
  ])('%s is understood', (header, challenge) => {
    expect(parseChallenge(header)).toEqual(challenge);
  });

  test('any header is, or is not, and soon', () => {
    const part = fc.constantFrom(
      'Basic ',
      'bearer ',
      'realm',
      '=',
      '"',
      '\\',
      ',',
      ' ',
      'https://a/',
      'x'.repeat(500),
    );
    const header = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 200 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(header, (text) => {
        const { parameters = {} } = parseChallenge(text) ?? {};
        for (const value of Object.values(parameters)) expect(value.length).toBeLessThanOrEqual(text.length);
      }),
    );
    const since = performance.now();
    for (const text of ['x', 'a="', 'basic ']) parseChallenge(`Bearer ${text.repeat(16_384)}`);
    expect(performance.now() - since).toBeLessThan(1000);
  });

  test('other schemes are not', () => {
    expect(parseChallenge('Negotiate')).toBeUndefined();
    expect(parseChallenge('')).toBeUndefined();
  });

  test.each(['http://auth.example/token', 'file:///etc/passwd', 'nonsense', ''])(
    'credentials are not sent to %j by a registry behind https',
    async (realm) => {
      const challenge = { scheme: 'bearer' as const, parameters: { realm } };
      const access = {};
      const http = openRegistryHttp(access, defaultPace);
      const registry = { host: 'reg.example', plainHttp: false, isHostLocal: false, http, access };
      const auth = { kind: 'password' as const, username: 'u', password: 'p' };
      const answer = answerChallenge(
        challenge,
        { auth },
        'scope',
        { ...registry, pace: defaultPace },
        AbortSignal.timeout(1000),
      );
      await expect(answer).rejects.toMatchObject({ kind: 'denied' });
    },
  );
});
