import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { askCredentialHelper } from './credential-helper.ts';
import { dockerCredentials } from './docker-config.ts';

const fresh = temporaryDirectories();
const signal = () => AbortSignal.timeout(20_000);
const encoded = (text: string) => Buffer.from(text).toString('base64');

async function configFile(content: unknown, mode = 0o600): Promise<string> {
  const path = join(fresh(), 'config.json');
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content), { mode });
  return path;
}

describe('credentials in Docker’s configuration', () => {
  test.each([
    ['registry.lan:5000', { auth: { kind: 'password', username: 'me', password: 'pass:word' } }],
    ['Registry.LAN:5000', { auth: { kind: 'password', username: 'me', password: 'pass:word' } }],
    ['registry.lan', {}],
    ['docker.io', { auth: { kind: 'password', username: 'hub', password: 'p' } }],
    ['registry-1.docker.io', { auth: { kind: 'password', username: 'hub', password: 'p' } }],
    ['old.lan', { auth: { kind: 'password', username: 'old', password: 'p' } }],
    ['plain.lan', { auth: { kind: 'password', username: 'u', password: 'p' } }],
    ['identity.lan', { auth: { kind: 'identity-token', token: 'refresh' } }],
    ['token.lan', { auth: { kind: 'registry-token', token: 'bearer' } }],
    ['team.lan', {}],
    ['empty.lan', {}],
    [
      'wrong.lan',
      { problem: expect.stringMatching(/the entry of wrong\.lan has no user and password in auth$/) },
    ],
  ])('%s', async (host, credentials) => {
    const path = await configFile({
      auths: {
        'registry.lan:5000': { auth: encoded('me:pass:word') },
        'https://index.docker.io/v1/': { auth: encoded('hub:p\0\0') },
        'https://old.lan/v2/': { auth: encoded('old:p') },
        'plain.lan': { username: 'u', password: 'p' },
        'identity.lan': { auth: encoded('<token>:'), identitytoken: 'refresh' },
        'token.lan': { registrytoken: 'bearer' },
        'team.lan/team': { auth: encoded('team:p') },
        'empty.lan': {},
        'wrong.lan': { auth: encoded('secret') },
      },
      HttpHeaders: { 'x-a': 'b' },
    });
    expect(await dockerCredentials(path, host, signal())).toEqual(credentials);
  });

  test.each([
    ['not JSON', '{"auths": secret', /is not used: it is not JSON$/],
    ['something else', '{"auths": "secret"}', /is not used: it is no configuration of Docker$/],
    ['too large', ' '.repeat((1 << 20) + 1), /is not used: it has more than 1048576 bytes$/],
  ])('a file that is %s is told without its contents', async (_, content, problem) => {
    const { problem: told } = await dockerCredentials(await configFile(content), 'a.lan', signal());
    expect(told).toMatch(problem);
    expect(told).not.toContain('secret');
  });

  test('a file that others may use, of another user or that is none is not used, and one that is missing is no problem', async () => {
    const content = { auths: { 'a.lan': { auth: encoded('me:secret') } } };
    for (const mode of [0o640, 0o604, 0o620]) {
      const path = await configFile(content);
      await chmod(path, mode);
      const { problem } = await dockerCredentials(path, 'a.lan', signal());
      expect(problem).toMatch(/others than its owner may use it; chmod it to 600$/);
    }
    const foreign = await configFile(content);
    await chown(foreign, 65534, 65534);
    expect((await dockerCredentials(foreign, 'a.lan', signal())).problem).toMatch(/belongs to user 65534/);
    expect((await dockerCredentials(fresh(), 'a.lan', signal())).problem).toMatch(/it is no file/);
    expect(await dockerCredentials(join(fresh(), 'none'), 'a.lan', signal())).toEqual({});
  });
});

describe('credential helpers', () => {
  const { PATH } = process.env;
  let bin = '';
  beforeEach(() => {
    bin = fresh();
    process.env.PATH = `${bin}:${PATH}`;
  });
  afterEach(() => {
    process.env.PATH = PATH;
  });

  async function helper(name: string, ...lines: string[]): Promise<string> {
    await mkdir(bin, { recursive: true });
    const path = join(bin, `docker-credential-${name}`);
    await writeFile(path, ['#!/bin/sh', ...lines, ''].join('\n'), { mode: 0o755 });
    return name;
  }

  test('are told the server and give user and secret, or an identity token', async () => {
    const name = await helper(
      'good',
      'read -r server; [ "$1" = get ] || exit 9',
      'case $server in',
      'token.lan) echo \'{"ServerURL":"x","Username":"<token>","Secret":"refresh"}\';;',
      'none.lan) echo "credentials not found in native keychain"; exit 1;;',
      '*) echo "{\\"Username\\":\\"$HOME\\",\\"Secret\\":\\"$server\\"}";;',
      'esac',
    );
    const path = await configFile({
      credsStore: name,
      auths: { 'none.lan': { auth: encoded('me:p') }, 'a.lan': { auth: encoded('not:used') } },
    });
    const ask = async (host: string) => await dockerCredentials(path, host, signal());
    const password = { kind: 'password', username: homedir() };
    expect(await ask('a.lan:5000')).toEqual({ auth: { ...password, password: 'a.lan:5000' } });
    expect(await ask('docker.io')).toEqual({
      auth: { ...password, password: 'https://index.docker.io/v1/' },
    });
    expect(await ask('token.lan')).toEqual({ auth: { kind: 'identity-token', token: 'refresh' } });
    expect(await ask('none.lan')).toEqual({ auth: { kind: 'password', username: 'me', password: 'p' } });
  });

  test('of one host come before the one of all', async () => {
    const credHelpers = { 'https://a.lan': await helper('one', 'echo \'{"Username":"one","Secret":"p"}\'') };
    const path = await configFile({ credsStore: 'missing', credHelpers });
    expect(await dockerCredentials(path, 'a.lan', signal())).toMatchObject({ auth: { username: 'one' } });
    expect(await dockerCredentials(path, 'b.lan', signal())).toEqual({
      problem: `${path}: docker-credential-missing cannot be run: spawn docker-credential-missing ENOENT`,
    });
  });

  test.each([
    ['fail', ['echo secret; echo secret >&2; exit 3'], /docker-credential-bad failed with 3; try it/],
    ['say nonsense', ['echo secret'], /gives no user and secret/],
    ['give no secret', ['echo \'{"Username":"u","Secret":""}\''], /gives no user and secret/],
    ['talk for ever', ['exec yes secret'], /answers more than 65536 bytes/],
    ['are silent', ['sleep 1000 & wait'], /gives no answer within 300 ms/],
    ['leave a child that holds on', ['sleep 1000 &'], /gives no answer within 300 ms/],
  ])('that %s are told of without what they said', async (_, lines, message) => {
    const name = await helper('bad', ...lines);
    const { problem } = await askCredentialHelper(name, 'a.lan', { signal: signal(), timeoutMs: 300 });
    expect(problem).toMatch(message);
    expect(problem).not.toContain('secret ');
    expect(problem?.endsWith('secret')).toBe(message.source.includes('user and secret'));
  });

  test('cannot be programs elsewhere, and can be given up', async () => {
    const path = await configFile({ credsStore: '../../bin/sh' });
    expect((await dockerCredentials(path, 'a.lan', signal())).problem).toMatch(
      /is no name of a credential helper/,
    );
    const name = await helper('slow', 'sleep 1000');
    const controller = new AbortController();
    const asking = askCredentialHelper(name, 'a.lan', { signal: controller.signal });
    controller.abort(new Error('given up'));
    await expect(asking).rejects.toThrow('given up');
  });
});
