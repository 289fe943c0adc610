import { z } from 'zod';
import { ImageError } from './image-error.ts';

/** Credentials for a registry: a user and password, or a token obtained before. */
export type RegistryAuth =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** Base64 of `user:password`. */
  | { readonly kind: 'basic'; readonly encoded: string }
  /** OAuth refresh token, exchanged for an access token. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Sent as it is. */
  | { readonly kind: 'registry-token'; readonly token: string };

/** What a registry asks for in its `WWW-Authenticate` header. */
export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  readonly parameters: Readonly<Record<string, string>>;
}

const tokenSchema = z.union([
  z.object({ token: z.string().min(1) }),
  z.object({ access_token: z.string().min(1) }),
]);

/** Bound on a token service's answer. */
const maxTokenBytes = 64 << 10;

/** Deadline of one request to a token service. */
const tokenTimeoutMs = 30_000;

/** The first challenge of a known scheme in a `WWW-Authenticate` header. */
export function parseChallenge(header: string): Challenge | undefined {
  const match = /\b(basic|bearer)\s+(.*)$/i.exec(header);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const parameters = [...match[2].matchAll(/([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)].map(
    ([, name = '', quoted, bare]) =>
      [name.toLowerCase(), (quoted ?? bare ?? '').replace(/\\(.)/g, '$1')] as const,
  );
  return {
    scheme: match[1].toLowerCase() === 'basic' ? 'basic' : 'bearer',
    parameters: Object.fromEntries(parameters),
  };
}

/**
 * The `Authorization` header that answers a challenge; undefined when the registry wants basic credentials and there
 * are none. Credentials go over plain HTTP only to a registry that is itself spoken to so.
 */
export async function answerChallenge(
  challenge: Challenge,
  auth: RegistryAuth | undefined,
  scope: string,
  { plainHttp, signal, registry }: { plainHttp: boolean; signal: AbortSignal; registry: string },
): Promise<string | undefined> {
  const basic = basicHeader(auth);
  if (challenge.scheme === 'basic') return basic;
  const realm = URL.parse(challenge.parameters.realm ?? '');
  if (realm === null || !(realm.protocol === 'https:' || (plainHttp && realm.protocol === 'http:'))) {
    throw new ImageError(
      'denied',
      `${registry} wants a token from ${challenge.parameters.realm ?? 'nowhere'}, which is no https address`,
    );
  }
  const service = challenge.parameters.service ?? '';
  const wanted = challenge.parameters.scope ?? scope;
  const response = await requestToken(realm, { service, scope: wanted, auth, basic, signal }).catch(
    (cause: unknown) => {
      throw new ImageError('unavailable', `the token service ${realm.host} of ${registry} does not answer`, {
        cause,
      });
    },
  );
  if (!response.ok) {
    await response.body?.cancel();
    const remedy = auth === undefined ? 'give credentials' : 'check the credentials';
    throw new ImageError(
      'denied',
      `the token service ${realm.host} of ${registry} answers ${response.status}; ${remedy}`,
    );
  }
  const token = tokenSchema.safeParse(await boundedJson(response, realm.host));
  if (!token.success)
    throw new ImageError('broken', `the token service ${realm.host} of ${registry} gives no token`);
  return `Bearer ${'token' in token.data ? token.data.token : token.data.access_token}`;
}

function basicHeader(auth: RegistryAuth | undefined): string | undefined {
  if (auth?.kind === 'basic') return `Basic ${auth.encoded}`;
  if (auth?.kind !== 'password') return undefined;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
}

async function requestToken(
  realm: URL,
  request: {
    service: string;
    scope: string;
    auth: RegistryAuth | undefined;
    basic: string | undefined;
    signal: AbortSignal;
  },
): Promise<Response> {
  const { service, scope, auth, basic } = request;
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(tokenTimeoutMs)]);
  if (auth?.kind === 'identity-token') {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: auth.token,
      client_id: 'protect',
      service,
      scope,
    });
    return await fetch(realm, { method: 'POST', body, signal });
  }
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  return await fetch(url, { headers: basic === undefined ? {} : { authorization: basic }, signal });
}

async function boundedJson(response: Response, host: string): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.length;
    if (bytes > maxTokenBytes)
      throw new ImageError('limit', `the token service ${host} answers more than ${maxTokenBytes} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return undefined;
  }
}
