import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestAuthority, type TestAuthority } from '../../service/src/testing/certificates.ts';
import { temporaryServers } from '../test/http-servers.ts';
import { registryUser, startRegistry } from '../test/registry-process.ts';
import { run } from '../test/run.ts';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { tokenService } from '../test/token-service.ts';
import { writeLayout } from './layout-writer.ts';
import { createImageStore, type PullOptions } from './pull.ts';
import type { RegistryAccess } from './registry-access.ts';
import type { RegistryAuth } from './registry-auth.ts';

const execute = promisify(execFile);
const fresh = temporaryDirectories();
const listen = temporaryServers();
const held = new AsyncDisposableStack();
const { htpasswd, ...user } = registryUser;
const right: RegistryAuth = { kind: 'password', ...user };
const basic = Buffer.from(`${user.username}:${user.password}`).toString('base64');

let authority: TestAuthority;
beforeAll(async () => {
  authority = held.use(await createTestAuthority('Registries'));
});
afterAll(() => held.disposeAsync());

/** Puts an image of one file at `host/name`. */
async function push(host: string, name: string, ...options: string[]): Promise<string> {
  const directory = join(fresh(), 'layout');
  const source = { bytes: Buffer.from(name) };
  const { digest } = await writeLayout(directory, {
    layers: [[{ type: 'file', path: 'name', source }]],
    compression: 'gzip',
  });
  await run(
    'skopeo',
    'copy',
    '--dest-tls-verify=false',
    ...options,
    `oci:${directory}:latest`,
    `docker://${host}/${name}`,
  );
  return digest;
}

async function pull(reference: string, access: RegistryAccess, options: Partial<PullOptions> = {}) {
  const store = createImageStore({ cacheDir: fresh(), access });
  return await store.pull({ reference, signal: AbortSignal.timeout(30_000), ...options });
}

async function dockerConfig(content: object): Promise<string> {
  const path = join(fresh(), 'config.json');
  await writeFile(path, JSON.stringify(content), { mode: 0o600 });
  return path;
}

/** Refused as `denied`, with a reason that has none of the secrets in it. */
async function expectDenied(pulling: Promise<unknown>, reason: RegExp): Promise<void> {
  const error = await pulling.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ kind: 'denied', message: expect.stringMatching(reason) });
  for (const secret of [user.password, basic, 'refresh-me']) expect(String(error)).not.toContain(secret);
}

describe('a registry with TLS and htpasswd', () => {
  let host = '';
  let digest = '';
  beforeAll(async () => {
    const tls = await authority.issue('registry');
    ({ host } = held.use(await startRegistry({ tls, htpasswd })));
    digest = await push(host, 'app:v1', `--dest-creds=${user.username}:${user.password}`);
  });
  const trusting = () => ({ registries: { [host]: { caFile: authority.certFile } } });

  test('is trusted with its ca-file, and lets in who has the password', async () => {
    expect((await pull(`${host}/app:v1`, trusting(), { auth: right })).digest).toBe(digest);
    const encoded: RegistryAuth = { kind: 'basic', encoded: basic };
    expect((await pull(`${host}/app:v1`, trusting(), { auth: encoded })).digest).toBe(digest);
  });

  test('is trusted when the certificates of the host have its CA', async () => {
    const env = { ...process.env, SSL_CERT_FILE: authority.certFile, SSL_CERT_DIR: '/none' };
    const dockerConfigPath = await dockerConfig({ auths: { [host]: { auth: basic } } });
    const access = JSON.stringify({ registries: { [host]: { plainHttp: false } }, dockerConfigPath });
    const script = join(import.meta.dirname, '..', 'test', 'pull-once.ts');
    const args = [script, `${host}/app:v1`, fresh(), access];
    const { stdout } = await execute(process.execPath, args, { env, timeout: 30_000 });
    expect(stdout).toBe(digest);
  });

  test('is not trusted without it, and the error says what to do', async () => {
    const access = { registries: { [host]: { plainHttp: false } } };
    await expect(pull(`${host}/app:v1`, access, { auth: right })).rejects.toMatchObject({
      kind: 'unavailable',
      message: expect.stringMatching(
        /cannot be reached: .*; name the certificate of its CA in ca-file of \[runtime/,
      ),
    });
    const missing = { registries: { [host]: { caFile: '/none.pem' } } };
    await expect(pull(`${host}/app:v1`, missing)).rejects.toThrow(
      /\/none\.pem \(ca-file of .*\) cannot be read/,
    );
  });

  test('that is taken for one without TLS, or the other way round, is told', async () => {
    const plain = held.use(await startRegistry());
    const access = { registries: { [plain.host]: { plainHttp: false } } };
    await expect(pull(`${plain.host}/app:v1`, access)).rejects.toThrow(
      /if it speaks plain HTTP, set plain-http = true/,
    );
    await expect(pull(`${host}/app:v1`, {})).rejects.toMatchObject({
      kind: expect.stringMatching(/denied|broken/),
    });
  });

  test('is pulled from with the credentials of docker login', async () => {
    const dockerConfigPath = await dockerConfig({ auths: { [host]: { auth: basic } } });
    expect((await pull(`${host}/app:v1`, { ...trusting(), dockerConfigPath })).digest).toBe(digest);
  });

  test('refuses others, and says why the credentials that are there were not used', async () => {
    const reference = `${host}/app:v1`;
    await expectDenied(pull(reference, trusting()), /wants a user and password; give credentials$/);
    const wrong: RegistryAuth = { ...right, password: 'wrong' };
    await expectDenied(pull(reference, trusting(), { auth: wrong }), /answers 401; check the credentials$/);
    const dockerConfigPath = await dockerConfig({
      auths: { [host]: { auth: basic } },
      credsStore: 'none-such',
    });
    await expectDenied(
      pull(reference, { ...trusting(), dockerConfigPath }),
      /give credentials \(.*config\.json: docker-credential-none-such cannot be run/,
    );
  });

  test('is the mirror of Docker Hub with credentials of its own', async () => {
    await push(host, 'library/mirrored:v1', `--dest-creds=${user.username}:${user.password}`);
    const dockerConfigPath = await dockerConfig({ auths: { [host]: { auth: basic } } });
    const registries = { ...trusting().registries, 'docker.io': { mirrors: [host] } };
    const packed = await pull('mirrored:v1', { registries, dockerConfigPath });
    expect(packed.names).toEqual(['docker.io/library/mirrored:v1']);
  });
});

describe('a registry with a token service', () => {
  async function start() {
    const grants: string[] = [];
    const options = { signer: authority, user, identityToken: 'refresh-me', open: ['open'] };
    const service = await listen(tokenService({ ...options, onGrant: (grant) => grants.push(grant) }));
    const token = { realm: `http://${service}/token`, rootCertFile: authority.certFile };
    const registry = await startRegistry({ token });
    const creds = `--dest-creds=${user.username}:${user.password}`;
    const digest = await push(registry.host, 'closed:v1', creds);
    await push(registry.host, 'open:v1', creds);
    grants.length = 0;
    return { registry, grants, digest };
  }

  test('gives tokens for nobody, a password and an identity token, each as far as it goes', async () => {
    const { registry, grants, digest } = await start();
    await using _ = registry;
    const { host } = registry;
    await pull(`${host}/open:v1`, {});
    expect(new Set(grants)).toEqual(new Set(['anonymous']));
    await expectDenied(pull(`${host}/closed:v1`, {}), /answers 401; give credentials$/);
    grants.length = 0;
    expect((await pull(`${host}/closed:v1`, {}, { auth: right })).digest).toBe(digest);
    expect(new Set(grants)).toEqual(new Set(['basic']));
    grants.length = 0;
    const dockerConfigPath = await dockerConfig({ auths: { [host]: { identitytoken: 'refresh-me' } } });
    expect((await pull(`${host}/closed:v1`, { dockerConfigPath })).digest).toBe(digest);
    expect(new Set(grants)).toEqual(new Set(['refresh_token']));
    const wrong: RegistryAuth = { kind: 'identity-token', token: 'refresh-me-not' };
    await expectDenied(
      pull(`${host}/closed:v1`, {}, { auth: wrong }),
      /the token service 127\.0\.0\.1:\d+ of 127\.0\.0\.1:\d+ answers 401; check the credentials$/,
    );
  });
});
