import { describe, expect, test } from 'vitest';
import { answerChallenge, parseChallenge } from './registry-auth.ts';

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

  test('other schemes are not', () => {
    expect(parseChallenge('Negotiate')).toBeUndefined();
    expect(parseChallenge('')).toBeUndefined();
  });

  test.each(['http://auth.example/token', 'file:///etc/passwd', 'nonsense', ''])(
    'credentials are not sent to %j by a registry behind https',
    async (realm) => {
      const challenge = { scheme: 'bearer' as const, parameters: { realm } };
      const options = { plainHttp: false, signal: AbortSignal.timeout(1000), registry: 'reg.example' };
      const auth = { kind: 'password' as const, username: 'u', password: 'p' };
      await expect(answerChallenge(challenge, auth, 'scope', options)).rejects.toMatchObject({
        kind: 'denied',
      });
    },
  );
});
