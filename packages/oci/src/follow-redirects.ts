import { ImageError } from './image-error.ts';
import { isPlainHttp, type RegistryAccess } from './registry-access.ts';
import { type HttpAnswer, type HttpRequest, type RegistryHttp, shownUrl } from './registry-http.ts';

const maxRedirects = 5;
const redirects: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Fetches a URL and follows redirects. `authorization` goes to the origin that was asked first and to no other. From a
 * server elsewhere it goes nowhere on this host, and from TLS not to plain HTTP, unless the configuration says so.
 */
export async function followRedirects(
  http: RegistryHttp,
  access: RegistryAccess,
  start: URL,
  request: Omit<HttpRequest, 'method' | 'body'> & { readonly authorization?: string | undefined },
): Promise<HttpAnswer> {
  const { authorization, headers, signal } = request;
  let url = start;
  let isTrusted = authorization !== undefined;
  let { elsewhere = false } = request;
  for (let hops = 0; ; hops++) {
    const sent = isTrusted && authorization !== undefined ? { ...headers, authorization } : headers;
    const answer = await http.send(url, { headers: sent, elsewhere, signal });
    const { location } = answer.headers;
    if (!redirects.includes(answer.status) || location === undefined) return answer;
    answer.body.destroy();
    const next = URL.parse(location, url);
    if (next === null || !['http:', 'https:'].includes(next.protocol)) {
      throw new ImageError('broken', `${shownUrl(url)} redirects to what is no address of the web`);
    }
    if (hops === maxRedirects) {
      throw new ImageError('broken', `${shownUrl(start)} redirects more than ${maxRedirects} times`);
    }
    if (url.protocol === 'https:' && next.protocol === 'http:' && !isPlainHttp(next.host, access)) {
      throw new ImageError('broken', `${shownUrl(url)} redirects to ${shownUrl(next)}, which is without TLS`);
    }
    elsewhere ||= !answer.isHostLocal;
    isTrusted &&= next.origin === start.origin;
    next.username = '';
    next.password = '';
    url = next;
  }
}
