import { readFile } from 'node:fs/promises';
import {
  type ClientRequest,
  Agent as HttpAgent,
  type IncomingMessage,
  request as requestHttp,
} from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { createSecureContext, getCACertificates } from 'node:tls';
import { isHostLocal, lookupElsewhere } from './host-local-address.ts';
import { ImageError } from './image-error.ts';
import { type RegistryAccess, settingsName, settingsOf } from './registry-access.ts';
import { TransientError } from './transient-error.ts';

/** Deadlines and paces of registries; tests shorten them. */
export interface RegistryPace {
  /** For the head of an answer, with connecting; a body may take longer as long as it moves. */
  readonly answerMs: number;
  /** Longest time without a byte while a body is read. */
  readonly stallMs: number;
  /** In each such time spent waiting a body has to bring `minWindowBytes`. */
  readonly windowMs: number;
  /** First pause before a request is made again. */
  readonly backOffMs: number;
}

export const defaultPace: RegistryPace = {
  answerMs: 60_000,
  stallMs: 60_000,
  windowMs: 60_000,
  backOffMs: 250,
};

/** Time for name resolution, connection and TLS. */
const connectTimeoutMs = 15_000;

/** Idle connections are closed after this time. */
const idleTimeoutMs = 5_000;

export interface HttpRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Refuses addresses of this host, unless the host is in the configuration. */
  readonly elsewhere?: boolean;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  readonly url: URL;
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The server has an address of this host. */
  readonly isHostLocal: boolean;
  readonly body: IncomingMessage;
}

export type RegistryHttp = ReturnType<typeof openRegistryHttp>;

/** HTTP for registries: trusts the certificates of the system and of the configuration, follows no redirects. */
export function openRegistryHttp(access: RegistryAccess, pace: RegistryPace) {
  const plainAgent = new HttpAgent({ keepAlive: true, timeout: idleTimeoutMs });
  const tlsAgents = new Map<string, Promise<HttpsAgent>>();

  function tlsAgent(host: string): Promise<HttpsAgent> {
    const caFile = settingsOf(host, access)?.caFile;
    const agent = tlsAgents.get(caFile ?? '') ?? openTlsAgent(host, caFile);
    tlsAgents.set(caFile ?? '', agent);
    return agent;
  }

  /** The head of the answer; what it says is for the caller to judge. Throws `ImageError`. */
  async function send(url: URL, request: HttpRequest): Promise<HttpAnswer> {
    const { method = 'GET', headers, body, signal } = request;
    const guarded = request.elsewhere === true && settingsOf(url.host, access) === undefined;
    if (guarded && isHostLocal(url.hostname)) {
      throw new ImageError(
        'broken',
        `${shownUrl(url)} is an address of this host, where no other may send it`,
      );
    }
    const options = {
      method,
      // Digests are of the bytes as stored; an encoding on the way would hide their size.
      headers: { 'user-agent': 'protect', 'accept-encoding': 'identity', ...headers },
      ...(guarded ? { lookup: lookupElsewhere } : {}),
      signal,
    };
    const isTls = url.protocol === 'https:';
    const sent = isTls
      ? requestHttps(url, { ...options, agent: await tlsAgent(url.host) })
      : requestHttp(url, { ...options, agent: plainAgent });
    const response = await answerOf(sent, body).catch((cause: unknown) => {
      signal.throwIfAborted();
      throw unreachable(url, cause);
    });
    return {
      url,
      status: response.statusCode ?? 0,
      headers: response.headers,
      isHostLocal: isHostLocal(response.socket.remoteAddress ?? ''),
      body: response,
    };
  }

  async function answerOf(sent: ClientRequest, body: string | undefined): Promise<IncomingMessage> {
    const answer = Promise.withResolvers<IncomingMessage>();
    sent.once('response', answer.resolve);
    // A connection that breaks later is told by the body.
    sent.on('error', answer.reject);
    const late = (ms: number, what: string) => () => sent.destroy(new Error(`${what} within ${ms} ms`));
    const slow = setTimeout(late(pace.answerMs, 'no answer'), pace.answerMs);
    const connecting = setTimeout(late(connectTimeoutMs, 'no connection'), connectTimeoutMs);
    sent.once('finish', () => clearTimeout(connecting));
    sent.end(body);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(slow);
      clearTimeout(connecting);
    }
  }

  return { send };
}

/** A URL for people: without user, and without query, which may be a signature that lets in whoever has it. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname}`;
}

async function openTlsAgent(host: string, caFile: string | undefined): Promise<HttpsAgent> {
  const own = caFile === undefined ? [] : [await readCertificates(host, caFile)];
  // Made once for all connections: reading some hundred certificates takes long enough to hold others up.
  const secureContext = createSecureContext({ ca: [...hostCertificates(), ...own], minVersion: 'TLSv1.2' });
  return new HttpsAgent({ keepAlive: true, timeout: idleTimeoutMs, secureContext });
}

/** The certificates that this host trusts; those of Node where it has none. */
function hostCertificates(): ReadonlySet<string> {
  // The host's folder has most of them several times, under different names.
  const system = new Set(getCACertificates('system'));
  return system.size === 0 ? new Set(getCACertificates('default')) : system;
}

async function readCertificates(host: string, path: string): Promise<string> {
  return await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const key = `ca-file of [runtime.registries."${settingsName(host)}"]`;
    throw new ImageError('unavailable', `${path} (${key}) cannot be read: ${cause.message}`, { cause });
  });
}

/** What a name that is none, or a certificate that is not trusted, says stays so for longer than a retry. */
const lastingFailure =
  /^(ENOTFOUND|CERT_|ERR_TLS_|ERR_SSL_|EPROTO|DEPTH_ZERO_|SELF_SIGNED|UNABLE_TO_|INVALID_CA|HOSTNAME_MISMATCH)/;

function unreachable(url: URL, cause: unknown): ImageError {
  const { message, code } = failureOf(cause);
  const text = `${shownUrl(url)} cannot be reached: ${message}`;
  const table = `[runtime.registries."${settingsName(url.host)}"]`;
  if (/wrong version number|packet length too long/i.test(message)) {
    return new ImageError(
      'unavailable',
      `${text}; if it speaks plain HTTP, set plain-http = true in ${table}`,
      { cause },
    );
  }
  if (/^(DEPTH_ZERO_|SELF_SIGNED|UNABLE_TO_)/.test(code)) {
    return new ImageError('unavailable', `${text}; name the certificate of its CA in ca-file of ${table}`, {
      cause,
    });
  }
  return lastingFailure.test(code)
    ? new ImageError('unavailable', text, { cause })
    : new TransientError(text, { cause });
}

/** A connection that is tried at several addresses fails with an error for each, and no words of its own. */
function failureOf(cause: unknown): { readonly message: string; readonly code: string } {
  const first: unknown = cause instanceof AggregateError ? (cause.errors[0] ?? cause) : cause;
  if (!(first instanceof Error)) return { message: String(first), code: '' };
  return { message: first.message, code: 'code' in first ? String(first.code) : '' };
}
