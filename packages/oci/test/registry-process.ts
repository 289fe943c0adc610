import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RegistrySettings {
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  /** Lines of the form `user:bcrypt`. */
  readonly htpasswd?: string;
  /** Tokens are wanted from `realm`, signed with the key of a certificate in `rootCertFile`. */
  readonly token?: { readonly realm: string; readonly rootCertFile: string };
}

/** Names in the tokens that a registry with `token` takes. */
export const tokenNames = { service: 'test-registry', issuer: 'test-issuer' };

/** A user for `htpasswd`, with the password in bcrypt. */
export const registryUser = {
  username: 'me',
  password: 'pass:word',
  htpasswd: 'me:$2b$05$abcdefghijklmnopqrstuuDIEddBSuRWBBEY6g5zv60IAP5bSSfki\n',
};

/** A real docker-registry on a free loopback port, with a store of its own. */
export async function startRegistry(
  settings: RegistrySettings = {},
): Promise<{ host: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'protect-registry-'));
  const config = join(directory, 'config.yml');
  const { tls, htpasswd, token } = settings;
  const users = join(directory, 'htpasswd');
  if (htpasswd !== undefined) await writeFile(users, htpasswd);
  const auth = {
    ...(htpasswd === undefined ? {} : { htpasswd: { realm: 'tests', path: users } }),
    ...(token === undefined
      ? {}
      : { token: { realm: token.realm, ...tokenNames, rootcertbundle: token.rootCertFile } }),
  };
  // JSON is YAML.
  const text = JSON.stringify({
    version: 0.1,
    log: { level: 'info', formatter: 'json', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(directory, 'store') } },
    http: {
      addr: '127.0.0.1:0',
      ...(tls === undefined ? {} : { tls: { certificate: tls.certFile, key: tls.keyFile } }),
    },
    ...(Object.keys(auth).length === 0 ? {} : { auth }),
  });
  await writeFile(config, text);
  const child = spawn('docker-registry', ['serve', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  const address = new Promise<string>((resolve, reject) => {
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-65536);
      const found = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('error', reject);
    closed.then(() => reject(new Error(`docker-registry ended: ${log}`)), reject);
  });
  const host = await address;
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill();
      await closed;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
