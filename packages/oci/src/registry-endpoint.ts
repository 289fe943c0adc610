import { type Credentials, remedyFor } from './credentials.ts';
import { failedAnswer } from './failed-answer.ts';
import { followRedirects } from './follow-redirects.ts';
import { ImageError } from './image-error.ts';
import type { RegistryAccess, RegistryServer } from './registry-access.ts';
import { answerChallenge, parseChallenge } from './registry-auth.ts';
import { type HttpAnswer, type RegistryHttp, type RegistryPace, shownUrl } from './registry-http.ts';

export interface EndpointOptions {
  readonly server: RegistryServer;
  readonly repository: string;
  /** What errors call the image. */
  readonly name: string;
  readonly http: RegistryHttp;
  readonly access: RegistryAccess;
  readonly pace: RegistryPace;
  /** Asked once, and only when the server wants to know who pulls. */
  readonly credentials: (signal: AbortSignal) => Promise<Credentials>;
}

export type RegistryEndpoint = ReturnType<typeof openEndpoint>;

/** One repository on one server. */
export function openEndpoint(options: EndpointOptions) {
  const { server, repository, name, http, access, pace } = options;
  const { host, plainHttp } = server;
  const base = new URL(`${plainHttp ? 'http' : 'https'}://${host}/v2/${repository}/`);
  let authorization: string | undefined;
  let known: Credentials | undefined;

  /** A success, whose body is still to be read. Throws `ImageError`. */
  async function get(
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const url = new URL(path, base);
    const sent = authorization;
    const first = await followRedirects(http, access, url, { headers, authorization: sent, signal });
    if (first.status !== 401 || first.url.origin !== base.origin) return expectOk(first);
    first.body.destroy();
    known ??= await options.credentials(signal);
    // Another request may have been told meanwhile; its answer is tried first.
    if (authorization === sent) authorization = await answerTo(first, known, signal);
    return expectOk(await followRedirects(http, access, url, { headers, authorization, signal }));
  }

  async function answerTo(
    { url, headers, isHostLocal }: HttpAnswer,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<string> {
    const { auth } = credentials;
    if (auth?.kind === 'registry-token') return `Bearer ${auth.token}`;
    const challenge = parseChallenge(headers['www-authenticate'] ?? '');
    if (challenge === undefined)
      throw new ImageError('denied', `${shownUrl(url)} answers 401 and does not say what it wants`);
    const registry = { host, plainHttp, isHostLocal, http, access, pace };
    const answer = await answerChallenge(
      challenge,
      credentials,
      `repository:${repository}:pull`,
      registry,
      signal,
    );
    if (answer !== undefined) return answer;
    throw new ImageError('denied', `${shownUrl(url)} wants a user and password; ${remedyFor(credentials)}`);
  }

  function expectOk(answer: HttpAnswer): HttpAnswer {
    if (answer.status >= 200 && answer.status < 300) return answer;
    answer.body.destroy();
    const url = shownUrl(answer.url);
    if (answer.status === 404)
      throw new ImageError('not-found', `${name} does not exist: ${url} answers 404`);
    throw failedAnswer(url, answer, remedyFor(known ?? {}));
  }

  return { server, get };
}
