import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runTool } from '@protect/service/run-tool';
import {
  createTestAuthority,
  type TestAuthority,
  type TestCertificate,
} from '@protect/service/testing/certificates';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadTlsCredentials } from './tls-credentials.ts';

let authority: TestAuthority;
let server: TestCertificate;

beforeAll(async () => {
  authority = await createTestAuthority('daemon');
  server = await authority.issue('server');
});

afterAll(() => authority?.[Symbol.asyncDispose]());

const good = () => ({
  address: '127.0.0.1:4353',
  certPath: server.certFile,
  keyPath: server.keyFile,
  clientCaPath: authority.certFile,
});

async function file(name: string, text: string): Promise<string> {
  const path = join(authority.folder, name);
  await writeFile(path, text);
  return path;
}

/** What is wrong, with paths below the folder shortened. */
async function problems(files: Partial<ReturnType<typeof good>>): Promise<string> {
  const error = await loadTlsCredentials({ ...good(), ...files }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ name: 'ConfigurationError' });
  return error instanceof Error ? error.message.replaceAll(`${authority.folder}/`, '') : '';
}

test('files that fit are given as they are, with the end of the certificate', async () => {
  const credentials = await loadTlsCredentials(good());
  expect(credentials).toMatchObject({ cert: server.cert, key: server.key, clientCa: authority.cert });
  expect(credentials.validTo.getTime()).toBeGreaterThan(Date.now());
});

test('every file that cannot work is named, with its key and the reason', async () => {
  const gone = join(authority.folder, 'gone.pem');
  const garbage = await file('garbage.pem', 'no certificate');
  expect(await problems({ certPath: gone, keyPath: garbage, clientCaPath: garbage })).toBe(
    [
      'gone.pem (runtime.listen.tcp.cert): there is no such file',
      'garbage.pem (runtime.listen.tcp.key): is no private key in PEM form without a passphrase',
      'garbage.pem (runtime.listen.tcp.client-ca): holds no certificate in PEM form',
    ].join('\n'),
  );
});

test('an empty list of authorities is refused: it would stand for all the world', async () => {
  const empty = await file('empty.pem', '');
  expect(await problems({ clientCaPath: empty })).toMatch(/^empty.pem .*holds no certificate/);
});

test('a key that belongs to another certificate is refused', async () => {
  const other = await authority.issue('other');
  expect(await problems({ keyPath: other.keyFile })).toBe(
    `other.key (runtime.listen.tcp.key): is not the key of server.pem`,
  );
});

test('a key with a passphrase is refused', async () => {
  const locked = join(authority.folder, 'locked.key');
  const args = ['pkcs8', '-topk8', '-in', server.keyFile, '-out', locked, '-passout', 'pass:x'];
  await runTool('openssl', args, { timeoutMs: 20_000 });
  expect(await problems({ keyPath: locked })).toMatch(/^locked.key .*without a passphrase/);
});

test('a damaged certificate is refused', async () => {
  const damaged = await file(
    'damaged.pem',
    server.cert.replace(/BEGIN CERTIFICATE-----\n.{8}/, 'BEGIN CERTIFICATE-----\nAAAAAAAA'),
  );
  expect(await problems({ clientCaPath: damaged })).toMatch(
    /^damaged.pem \(runtime.listen.tcp.client-ca\): ./,
  );
  expect(await problems({ certPath: damaged })).toMatch(/^damaged.pem \(runtime.listen.tcp.cert\): ./);
});
