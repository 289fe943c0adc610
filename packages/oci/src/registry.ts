import type { Credentials } from './credentials.ts';
import { type Descriptor, digestOf } from './descriptor.ts';
import { dockerCredentials } from './docker-config.ts';
import { ImageError } from './image-error.ts';
import type { ImageSource } from './image-source.ts';
import { indexMediaTypes, manifestMediaTypes, maxManifestBytes } from './manifest.ts';
import { pacedBody } from './paced-body.ts';
import { formatReference, type RegistryReference } from './reference.ts';
import { type RegistryAccess, type RegistryServer, serversOf } from './registry-access.ts';
import type { RegistryAuth } from './registry-auth.ts';
import { openEndpoint, type RegistryEndpoint } from './registry-endpoint.ts';
import { defaultPace, type HttpAnswer, openRegistryHttp, type RegistryPace } from './registry-http.ts';
import { resumedBody } from './resumed-body.ts';
import { withRetries } from './with-retries.ts';

export interface RegistryOptions extends RegistryAccess {
  /** For the registry of the reference; its mirrors do not get to see it. */
  readonly auth?: RegistryAuth | undefined;
  readonly pace?: Partial<RegistryPace>;
}

/** An image of a registry that speaks the OCI distribution protocol. Nothing is asked yet. */
export function openRegistry(reference: RegistryReference, options: RegistryOptions = {}): ImageSource {
  const { host, repository, tag, digest } = reference;
  const name = formatReference(reference);
  const pace = { ...defaultPace, ...options.pace };
  const http = openRegistryHttp(options, pace);
  const endpoints = serversOf(host, options).map((server) =>
    openEndpoint({
      ...{ server, repository, name, http, access: options, pace },
      credentials: (signal: AbortSignal) => credentialsFor(server, options, signal),
    }),
  );
  const silent = new Set<RegistryEndpoint>();
  const accept = [...indexMediaTypes, ...manifestMediaTypes].join(', ');

  /** Asks the mirrors and then the registry until `ask` succeeds; only the registry is asked again. */
  async function first<T>(ask: (endpoint: RegistryEndpoint) => Promise<T>, signal: AbortSignal): Promise<T> {
    const reasons: string[] = [];
    for (const endpoint of endpoints) {
      if (silent.has(endpoint)) continue;
      const { isMirror } = endpoint.server;
      try {
        if (isMirror) return await ask(endpoint);
        return await withRetries(() => ask(endpoint), { signal, backOffMs: pace.backOffMs });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof ImageError)) throw error;
        if (!isMirror) throw reasons.length === 0 ? error : withMirrors(error, reasons);
        reasons.push(`${endpoint.server.host}: ${error.message}`);
        if (error.kind === 'unavailable') silent.add(endpoint);
      }
    }
    throw new RangeError(`${name} has no registry`);
  }

  function get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<HttpAnswer> {
    return first((endpoint) => endpoint.get(path, headers, signal), signal);
  }

  function stored(path: string, headers: Record<string, string>, size: number, signal: AbortSignal) {
    const open = (offset: number) =>
      get(path, offset === 0 ? headers : { ...headers, range: `bytes=${offset}-` }, signal);
    return resumedBody(open, size, pace, signal);
  }

  async function readRoot(endpoint: RegistryEndpoint, signal: AbortSignal) {
    const answer = await endpoint.get(`manifests/${digest ?? tag ?? 'latest'}`, { accept }, signal);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of pacedBody(answer, pace, signal)) {
      size += part.length;
      if (size > maxManifestBytes) {
        throw new ImageError('limit', `the manifest of ${name} is larger than ${maxManifestBytes} bytes`);
      }
      parts.push(part);
    }
    const bytes = Buffer.concat(parts);
    const found = digestOf(bytes);
    const told = answer.headers['docker-content-digest'];
    const promised = digest ?? (typeof told === 'string' ? told : found);
    if (promised.startsWith('sha256:') && promised !== found) {
      throw new ImageError(
        'broken',
        `the manifest of ${name} does not match its digest: it is ${found}, not ${promised}`,
      );
    }
    return { bytes, digest: found };
  }

  return {
    name,
    root: (signal) => first((endpoint) => readRoot(endpoint, signal), signal),
    manifest: async (descriptor: Descriptor, signal) =>
      stored(`manifests/${descriptor.digest}`, { accept }, descriptor.size, signal),
    blob: async (descriptor: Descriptor, signal) =>
      stored(`blobs/${descriptor.digest}`, {}, descriptor.size, signal),
  };
}

async function credentialsFor(
  { host, isMirror }: RegistryServer,
  { auth, dockerConfigPath }: RegistryOptions,
  signal: AbortSignal,
): Promise<Credentials> {
  if (auth !== undefined && !isMirror) return { auth };
  return dockerConfigPath === undefined ? {} : await dockerCredentials(dockerConfigPath, host, signal);
}

function withMirrors(error: ImageError, reasons: readonly string[]): ImageError {
  const mirrors = reasons.map((reason) => `mirror ${reason}`).join('; ');
  return new ImageError(error.kind, `${error.message} (before that: ${mirrors})`, { cause: error });
}
