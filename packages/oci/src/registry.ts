import { type Descriptor, digestOf } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import type { ImageSource } from './image-source.ts';
import { indexMediaTypes, manifestMediaTypes, maxManifestBytes } from './manifest.ts';
import { formatReference, type RegistryReference } from './reference.ts';
import { answerChallenge, parseChallenge, type RegistryAuth } from './registry-auth.ts';

export interface RegistryOptions {
  readonly auth?: RegistryAuth | undefined;
  /** Hosts (with port, when not the usual one) spoken to over plain HTTP besides loopback. */
  readonly plainHttpHosts?: readonly string[];
  /** Registry (with port, when not the usual one) asked in place of Docker Hub; default Docker Hub itself. */
  readonly dockerHubMirror?: string;
}

/** Deadline for the head of an answer; a body may take longer as long as it moves. */
const answerTimeoutMs = 60_000;

/** Longest time without a byte while a body is read. */
const stallTimeoutMs = 60_000;

/** What Docker Hub calls itself, and where its registry really is. */
const dockerHubNames: readonly string[] = ['docker.io', 'index.docker.io'];
const dockerHubServer = 'registry-1.docker.io';

/** An image of a registry that speaks the OCI distribution protocol. Nothing is asked yet. */
export function openRegistry(reference: RegistryReference, options: RegistryOptions = {}): ImageSource {
  const { host, repository, tag, digest } = reference;
  const name = formatReference(reference);
  const server = serverOf(host, options.dockerHubMirror);
  const plainHttp = isLoopback(server) || (options.plainHttpHosts ?? []).includes(server);
  const base = new URL(`${plainHttp ? 'http' : 'https'}://${server}/v2/${repository}/`);
  const accept = [...indexMediaTypes, ...manifestMediaTypes].join(', ');
  let authorization = options.auth?.kind === 'registry-token' ? `Bearer ${options.auth.token}` : undefined;

  async function get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const url = new URL(path, base);
    const first = await send(url, headers, signal);
    if (first.status !== 401) return await expectOk(first, url);
    await first.body?.cancel();
    const challenge = parseChallenge(first.headers.get('www-authenticate') ?? '');
    if (challenge === undefined)
      throw new ImageError('denied', `${url} answers 401 and does not say what it wants`);
    const scope = `repository:${repository}:pull`;
    const answer = await answerChallenge(challenge, options.auth, scope, {
      plainHttp,
      signal,
      registry: server,
    });
    if (answer === undefined)
      throw new ImageError('denied', `${url} wants a user and password; give credentials`);
    authorization = answer;
    return await expectOk(await send(url, headers, signal), url);
  }

  async function send(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const sent = authorization === undefined ? headers : { ...headers, authorization };
    const slow = new AbortController();
    const timer = setTimeout(() => slow.abort(), answerTimeoutMs);
    try {
      return await fetch(url, {
        // Digests are of the bytes as stored; an encoding on the way would hide their size.
        headers: { 'accept-encoding': 'identity', ...sent },
        signal: AbortSignal.any([signal, slow.signal]),
      });
    } catch (cause) {
      signal.throwIfAborted();
      throw new ImageError('unavailable', `${url} cannot be reached: ${reasonOf(cause)}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  async function expectOk(response: Response, url: URL): Promise<Response> {
    if (response.ok) return response;
    await response.body?.cancel();
    const { status } = response;
    if (status === 404) throw new ImageError('not-found', `${name} does not exist: ${url} answers 404`);
    if (status === 401 || status === 403) {
      const remedy = options.auth === undefined ? 'give credentials' : 'check the credentials';
      throw new ImageError('denied', `${url} answers ${status}; ${remedy}`);
    }
    if (status === 429 || status >= 500)
      throw new ImageError('unavailable', `${url} answers ${status}; try again later`);
    throw new ImageError('broken', `${url} answers ${status}`);
  }

  return {
    name,
    async root(signal) {
      const path = `manifests/${digest ?? tag ?? 'latest'}`;
      const response = await get(path, { accept }, signal);
      const parts: Uint8Array[] = [];
      let size = 0;
      for await (const part of bodyOf(response, signal)) {
        size += part.length;
        if (size > maxManifestBytes) {
          throw new ImageError('limit', `the manifest of ${name} is larger than ${maxManifestBytes} bytes`);
        }
        parts.push(part);
      }
      const bytes = Buffer.concat(parts);
      const found = digestOf(bytes);
      const promised = digest ?? response.headers.get('docker-content-digest') ?? found;
      if (promised.startsWith('sha256:') && promised !== found) {
        throw new ImageError(
          'broken',
          `the manifest of ${name} does not match its digest: it is ${found}, not ${promised}`,
        );
      }
      return { bytes, digest: found };
    },
    manifest: async (descriptor: Descriptor, signal) =>
      bodyOf(await get(`manifests/${descriptor.digest}`, { accept }, signal), signal),
    blob: async (descriptor: Descriptor, signal) =>
      bodyOf(await get(`blobs/${descriptor.digest}`, {}, signal), signal),
  };
}

/** The host that is asked for images of `host`. */
function serverOf(host: string, dockerHubMirror: string | undefined): string {
  if (!dockerHubNames.includes(host)) return host;
  const isMirrored = dockerHubMirror !== undefined && !dockerHubNames.includes(dockerHubMirror);
  return isMirrored ? dockerHubMirror : dockerHubServer;
}

/** Loopback is spoken to over plain HTTP, as Docker does. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name);
}

/** The body in chunks; gives up on one that stalls and says what broke. */
async function* bodyOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  const stopped = Promise.withResolvers<never>();
  // It may be rejected while a chunk is with the consumer and nobody waits for it.
  stopped.promise.catch(() => undefined);
  const stop = () => stopped.reject(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  // A consumer that takes its time between two chunks is no stall.
  let reading = false;
  const stall = setTimeout(() => {
    if (reading) stopped.reject(new Error(`no byte for ${stallTimeoutMs} ms`));
  }, stallTimeoutMs);
  try {
    for (;;) {
      signal.throwIfAborted();
      stall.refresh();
      reading = true;
      const result = await Promise.race([reader.read(), stopped.promise]);
      reading = false;
      if (result.done) return;
      yield result.value;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw new ImageError('unavailable', `the answer of ${response.url} breaks off: ${reasonOf(cause)}`, {
      cause,
    });
  } finally {
    clearTimeout(stall);
    signal.removeEventListener('abort', stop);
    await reader.cancel().catch(() => undefined);
  }
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}
