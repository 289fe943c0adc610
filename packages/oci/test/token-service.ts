import { randomUUID, sign } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { tokenNames } from './registry-process.ts';

/** Who gets tokens, and what was asked for. */
export interface TokenServiceOptions {
  /** PEM; the registry trusts the certificate. */
  readonly signer: { readonly cert: string; readonly key: string };
  readonly user: { readonly username: string; readonly password: string };
  /** Refresh token that stands for the user. */
  readonly identityToken: string;
  /** Repositories that anybody may pull. */
  readonly open: readonly string[];
  readonly onGrant: (grant: string) => void;
}

/** A token service as a real docker-registry wants it (`auth: token`). */
export function tokenService(options: TokenServiceOptions): RequestListener {
  return (request, response) => {
    const answer = async () => {
      const isPost = request.method === 'POST';
      const query = new URL(request.url ?? '/', 'http://token').searchParams;
      const form = isPost ? new URLSearchParams(await text(request)) : query;
      const { username, password } = options.user;
      const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
      const isUser = isPost
        ? form.get('refresh_token') === options.identityToken
        : request.headers.authorization === basic;
      if (!isUser && (isPost || request.headers.authorization !== undefined)) {
        response.writeHead(401).end('{}');
        return;
      }
      options.onGrant(isUser ? (form.get('grant_type') ?? 'basic') : 'anonymous');
      const access = form.getAll('scope').flatMap((scope) => {
        const [type, name = '', actions = ''] = scope.split(':');
        const allowed = isUser ? actions.split(',') : options.open.includes(name) ? ['pull'] : [];
        return [{ type, name, actions: allowed }];
      });
      const token = signedToken(options.signer, { sub: username, access });
      response.end(JSON.stringify(isPost ? { access_token: token } : { token }));
    };
    answer().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  };
}

function signedToken(signer: TokenServiceOptions['signer'], claims: object): string {
  const der = signer.cert.replaceAll(/-----[^-]+-----|\s/g, '');
  const nowS = Math.floor(Date.now() / 1000);
  const times = { nbf: nowS - 60, iat: nowS, exp: nowS + 300, jti: randomUUID() };
  const body = { iss: tokenNames.issuer, aud: tokenNames.service, ...times, ...claims };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${encode({ typ: 'JWT', alg: 'ES256', x5c: [der] })}.${encode(body)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: signer.key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
