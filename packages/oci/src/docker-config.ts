import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { z } from 'zod';
import { askCredentialHelper } from './credential-helper.ts';
import type { Credentials } from './credentials.ts';
import { settingsName } from './registry-access.ts';

const maxConfigBytes = 1 << 20;

const entrySchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});

const configSchema = z.object({
  auths: z.record(z.string(), entrySchema).optional(),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
});

/** Under which name Docker keeps the credentials of Docker Hub. */
const dockerHubUrl = 'https://index.docker.io/v1/';

/**
 * The credentials that Docker's configuration file has for a registry's host, by itself or through the helper that it
 * names. A file that does not exist has none; one that others may read or that belongs to another user is not used.
 * It is read at each call, so that `docker login` counts at once. Throws only when `signal` aborts.
 */
export async function dockerCredentials(
  path: string,
  host: string,
  signal: AbortSignal,
): Promise<Credentials> {
  const read = await readConfig(path);
  if (read === undefined) return {};
  if ('problem' in read) return read;
  const { auths = {}, credHelpers = {}, credsStore } = read.config;
  const helper = entryOf(credHelpers, host) ?? credsStore;
  if (helper !== undefined && helper !== '') {
    const serverUrl = settingsName(host) === 'docker.io' ? dockerHubUrl : host;
    const { auth, problem } = await askCredentialHelper(helper, serverUrl, { signal });
    if (auth !== undefined) return { auth };
    if (problem !== undefined) return { problem: `${path}: ${problem}` };
  }
  const entry = entryOf(auths, host);
  return entry === undefined ? {} : credentialsIn(entry, `${path}: the entry of ${host}`);
}

async function readConfig(
  path: string,
): Promise<{ readonly config: z.infer<typeof configSchema> } | { readonly problem: string } | undefined> {
  let file: FileHandle;
  try {
    // A pipe under that name would block.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? undefined
      : { problem: `${path} is not used: ${message}` };
  }
  await using opened = file;
  const { uid, mode, size } = await opened.stat();
  const problem = (reason: string) => ({ problem: `${path} is not used: ${reason}` });
  if ((mode & constants.S_IFMT) !== constants.S_IFREG) return problem('it is no file');
  if (uid !== process.geteuid?.()) return problem(`it belongs to user ${uid}; chown it to root`);
  if ((mode & 0o077) !== 0) return problem('others than its owner may use it; chmod it to 600');
  if (size > maxConfigBytes) return problem(`it has more than ${maxConfigBytes} bytes`);
  try {
    const config = configSchema.safeParse(JSON.parse(await opened.readFile('utf8')));
    // What the parsers say would quote the file.
    return config.success ? { config: config.data } : problem('it is no configuration of Docker');
  } catch {
    return problem('it is not JSON');
  }
}

/** The entry whose key is the host, or a URL of it as old versions of Docker wrote them. */
function entryOf<T>(entries: Readonly<Record<string, T>>, host: string): T | undefined {
  const found = Object.entries(entries).find(([key]) => {
    const named = /^(?:https?:\/\/)?([^/]+)(?:\/(?:v[12]\/?)?)?$/.exec(key)?.[1];
    return named !== undefined && settingsName(named) === settingsName(host);
  });
  return found?.[1];
}

function credentialsIn(entry: z.infer<typeof entrySchema>, name: string): Credentials {
  const { auth = '', identitytoken = '', registrytoken = '' } = entry;
  if (identitytoken !== '') return { auth: { kind: 'identity-token', token: identitytoken } };
  if (registrytoken !== '') return { auth: { kind: 'registry-token', token: registrytoken } };
  if (auth === '') {
    const { username = '', password = '' } = entry;
    return username === '' ? {} : { auth: { kind: 'password', username, password } };
  }
  // Docker itself drops these NULs.
  const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon < 1) return { problem: `${name} has no user and password in auth` };
  return { auth: { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) } };
}
