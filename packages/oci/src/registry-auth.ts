import { z } from 'zod';
import { type Credentials, remedyFor } from './credentials.ts';
import { failedAnswer } from './failed-answer.ts';
import { followRedirects } from './follow-redirects.ts';
import { ImageError } from './image-error.ts';
import { pacedBody } from './paced-body.ts';
import { isPlainHttp, type RegistryAccess } from './registry-access.ts';
import { type HttpAnswer, type RegistryHttp, type RegistryPace, shownUrl } from './registry-http.ts';

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

/** Of a `WWW-Authenticate` header no more is looked at. */
const maxChallengeCharacters = 4096;

/** The first challenge of a known scheme in a `WWW-Authenticate` header. */
export function parseChallenge(header: string): Challenge | undefined {
  const match = /\b(basic|bearer)\s+(.*)$/i.exec(header.slice(0, maxChallengeCharacters));
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const parameters = [...match[2].matchAll(/(?<![a-z_])([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gi)].map(
    ([, name = '', quoted, bare]) =>
      [name.toLowerCase(), (quoted ?? bare ?? '').replace(/\\(.)/g, '$1')] as const,
  );
  return {
    scheme: match[1].toLowerCase() === 'basic' ? 'basic' : 'bearer',
    parameters: Object.fromEntries(parameters),
  };
}

/** A registry that asks who pulls, and how it is spoken to. */
export interface AskingRegistry {
  /** Host, with port, when not the usual one. */
  readonly host: string;
  readonly plainHttp: boolean;
  /** It has an address of this host. */
  readonly isHostLocal: boolean;
  readonly http: RegistryHttp;
  readonly access: RegistryAccess;
  readonly pace: RegistryPace;
}

/**
 * The `Authorization` header that answers a challenge; undefined when the registry wants basic credentials and there
 * are none. Credentials go over plain HTTP only to a registry that is itself spoken to so. Throws `ImageError`.
 */
export async function answerChallenge(
  challenge: Challenge,
  credentials: Credentials,
  scope: string,
  registry: AskingRegistry,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { auth } = credentials;
  if (challenge.scheme === 'basic') return basicHeader(auth);
  const realm = URL.parse(challenge.parameters.realm ?? '');
  const mayBePlain = realm !== null && (registry.plainHttp || isPlainHttp(realm.host, registry.access));
  if (realm === null || !(realm.protocol === 'https:' || (mayBePlain && realm.protocol === 'http:'))) {
    const where = realm === null ? 'nowhere' : shownUrl(realm);
    throw new ImageError('denied', `${registry.host} wants a token from ${where}, which is no https address`);
  }
  realm.username = '';
  realm.password = '';
  const service = challenge.parameters.service ?? '';
  const wanted = { service, scope: challenge.parameters.scope ?? scope };
  const answer = await requestToken(realm, wanted, auth, registry, signal);
  const name = `the token service ${realm.host} of ${registry.host}`;
  if (answer.status < 200 || answer.status > 299) {
    answer.body.destroy();
    throw failedAnswer(name, answer, remedyFor(credentials));
  }
  const token = tokenSchema.safeParse(await boundedJson(answer, name, registry.pace, signal));
  if (!token.success) throw new ImageError('broken', `${name} gives no token`);
  return `Bearer ${'token' in token.data ? token.data.token : token.data.access_token}`;
}

function basicHeader(auth: RegistryAuth | undefined): string | undefined {
  if (auth?.kind === 'basic') return `Basic ${auth.encoded}`;
  if (auth?.kind !== 'password') return undefined;
  return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
}

async function requestToken(
  realm: URL,
  { service, scope }: { readonly service: string; readonly scope: string },
  auth: RegistryAuth | undefined,
  { http, access, isHostLocal }: AskingRegistry,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const elsewhere = !isHostLocal;
  if (auth?.kind === 'identity-token') {
    const body = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: auth.token,
      client_id: 'protect',
      service,
      scope,
    }).toString();
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': `${Buffer.byteLength(body)}`,
    };
    // No redirect is followed: the token would go along.
    return await http.send(realm, { method: 'POST', headers, body, elsewhere, signal });
  }
  const url = new URL(realm);
  if (service !== '') url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  return await followRedirects(http, access, url, {
    headers: {},
    authorization: basicHeader(auth),
    elsewhere,
    signal,
  });
}

async function boundedJson(
  answer: HttpAnswer,
  name: string,
  pace: RegistryPace,
  signal: AbortSignal,
): Promise<unknown> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of pacedBody(answer, pace, signal)) {
    bytes += part.length;
    if (bytes > maxTokenBytes)
      throw new ImageError('limit', `${name} answers more than ${maxTokenBytes} bytes`);
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return undefined;
  }
}
