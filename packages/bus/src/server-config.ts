import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { StatePaths } from '@protect/config/paths';
import { permissionsOf } from './permissions.ts';
import { natsServerName, serverAt } from './running-server.ts';
import {
  type BusCredentials,
  readCredentials,
  readServerAddress,
  type ServerAddress,
} from './server-address.ts';
import { type BusUser, serviceNames } from './subjects.ts';

export interface PrepareNatsServerOptions {
  /** Port on 127.0.0.1; without it a free one is chosen once and kept. */
  readonly port?: number;
}

const users: readonly BusUser[] = [...serviceNames, 'operator', 'reader'];
/** NATS' own, where a URL names none. */
const defaultPort = 4222;
const maxPayloadBytes = 1024 * 1024;
const maxStoreBytes = 256 * 1024 * 1024;

/**
 * Writes nats-server's configuration, its address and everybody's credentials into the state folder. What is
 * there already stays: repeating it changes nothing, so a running server and its clients are not disturbed.
 */
export async function prepareNatsServer(
  paths: StatePaths,
  options: PrepareNatsServerOptions = {},
): Promise<ServerAddress> {
  await mkdir(paths.nats, { recursive: true, mode: 0o700 });
  await chmod(paths.nats, 0o700);
  await mkdir(paths.natsStore, { recursive: true, mode: 0o700 });
  const credentials = await Promise.all(users.map((user) => keptCredentials(paths, user)));
  const port = await keptPort(paths, options.port);
  const address = { url: `nats://127.0.0.1:${port}`, port };
  await writePrivately(paths.natsServerConfig, serverConfig(paths, port, credentials));
  await writePrivately(paths.natsServerAddress, `${JSON.stringify(address)}\n`);
  return address;
}

/** Makes every service of this state folder use the server at `url`; its credentials are the operator's to place. */
export async function useNatsServer(paths: StatePaths, url: string): Promise<void> {
  await mkdir(paths.nats, { recursive: true, mode: 0o700 });
  const { port } = new URL(url);
  const address: ServerAddress = { url, port: port === '' ? defaultPort : Number(port) };
  await writePrivately(paths.natsServerAddress, `${JSON.stringify(address)}\n`);
}

function serverConfig(paths: StatePaths, port: number, credentials: readonly BusCredentials[]): string {
  const config = {
    server_name: natsServerName(paths),
    listen: `127.0.0.1:${port}`,
    max_payload: maxPayloadBytes,
    max_connections: 256,
    max_subscriptions: 16_384,
    // A client that does not answer for 30 s is gone; nobody's restart waits for longer.
    ping_interval: '10s',
    ping_max: 3,
    jetstream: {
      store_dir: paths.natsStore,
      max_memory_store: 16 * 1024 * 1024,
      max_file_store: maxStoreBytes,
    },
    authorization: {
      timeout: 5,
      users: credentials.map(({ user, password }, index) => ({
        user,
        password,
        permissions: permissionsOf(users[index] ?? 'reader'),
      })),
    },
  };
  // nats-server reads JSON.
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

async function keptCredentials(paths: StatePaths, user: BusUser): Promise<BusCredentials> {
  try {
    return await readCredentials(paths, user);
  } catch {
    const credentials = { user, password: randomBytes(24).toString('base64url') };
    await writePrivately(paths.natsCredentials(user), `${JSON.stringify(credentials)}\n`);
    return credentials;
  }
}

/** The port of last time, unless somebody else has taken it meanwhile. */
async function keptPort(paths: StatePaths, wanted: number | undefined): Promise<number> {
  if (wanted !== undefined) return wanted;
  const kept = await readServerAddress(paths).catch(() => undefined);
  if (kept && ((await isFree(kept.port)) || (await serverAt(kept.port)) === natsServerName(paths))) {
    return kept.port;
  }
  return freePort(0);
}

async function isFree(port: number): Promise<boolean> {
  return (await freePort(port).catch(() => undefined)) === port;
}

async function freePort(port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', () => {
    const address = server.address();
    server.close(() => {
      if (address !== null && typeof address === 'object') resolve(address.port);
      else reject(new Error('the kernel gave no port'));
    });
  });
  return promise;
}

async function writePrivately(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}
