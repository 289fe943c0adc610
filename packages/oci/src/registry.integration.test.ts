import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { temporaryServers } from '../test/http-servers.ts';
import { digestOf, verified } from './descriptor.ts';
import { resolveImage } from './image-source.ts';
import type { RegistryReference } from './reference.ts';
import { openRegistry } from './registry.ts';

const listen = temporaryServers();

async function serve(listener: RequestListener): Promise<RegistryReference> {
  return { kind: 'registry', host: await listen(listener), repository: 'app', tag: 'v1' };
}

const signal = () => AbortSignal.timeout(10_000);
const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const configDescriptor = { mediaType: 'c', digest: digestOf(config), size: config.length };
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, config: configDescriptor, layers: [] }));

/** Serves the image; `before` may answer a request itself and then says so. */
function image(before: RequestListener = () => undefined): RequestListener {
  return (request, response) => {
    before(request, response);
    if (response.writableEnded || response.destroyed) return;
    response.end(request.url?.includes('/blobs/') ? config : manifest);
  };
}

describe('the registry client', () => {
  test('reads manifest and configuration without credentials', async () => {
    const resolved = await resolveImage(openRegistry(await serve(image())), signal());
    expect(resolved).toMatchObject({ digest: digestOf(manifest), diffIds: [] });
  });

  test('chooses linux/amd64 from an index', async () => {
    const platform = { os: 'linux', architecture: 'amd64' };
    const index = JSON.stringify({
      schemaVersion: 2,
      manifests: [{ mediaType: 'm', digest: digestOf(manifest), size: manifest.length, platform }],
    });
    const reference = await serve(
      image((request, response) => request.url?.endsWith('/manifests/v1') && response.end(index)),
    );
    expect((await resolveImage(openRegistry(reference), signal())).digest).toBe(digestOf(manifest));
  });

  test('asks the mirror in place of Docker Hub, and nobody else in its place', async () => {
    const paths: (string | undefined)[] = [];
    const { host: dockerHubMirror } = await serve(image(({ url }) => paths.push(url)));
    const hub = { kind: 'registry' as const, host: 'docker.io', repository: 'library/alpine', tag: '3' };
    const mirrored = openRegistry(hub, { dockerHubMirror });
    expect((await resolveImage(mirrored, signal())).digest).toBe(digestOf(manifest));
    expect(mirrored.name).toBe('docker.io/library/alpine:3');
    expect(paths[0]).toBe('/v2/library/alpine/manifests/3');
    const count = paths.length;
    await resolveImage(openRegistry(await serve(image()), { dockerHubMirror }), signal());
    expect(paths).toHaveLength(count);
  });

  test('answers a challenge for basic credentials', async () => {
    const wanted = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    const reference = await serve(
      image((request, response) => {
        if (request.headers.authorization === wanted) return;
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
      }),
    );
    const auth = { kind: 'password' as const, username: 'me', password: 'secret' };
    await resolveImage(openRegistry(reference, { auth }), signal());
    await expect(resolveImage(openRegistry(reference), signal())).rejects.toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('give credentials'),
    });
    const wrong = { ...auth, password: 'x' };
    await expect(resolveImage(openRegistry(reference, { auth: wrong }), signal())).rejects.toMatchObject({
      kind: 'denied',
      message: expect.stringContaining('check the credentials'),
    });
  });

  test('fetches a token with the scope asked for, and its credentials go to the token service only', async () => {
    const seen: string[] = [];
    const reference = await serve((request, response) => {
      if (request.url?.startsWith('/token')) {
        seen.push(`${request.url} ${request.headers.authorization}`);
        response.end('{"token":"T"}');
        return;
      }
      if (request.headers.authorization === 'Bearer T') return image()(request, response);
      expect(request.headers.authorization).toBeUndefined();
      const realm = `http://${request.headers.host}/token`;
      response
        .writeHead(401, {
          'www-authenticate': `Bearer realm="${realm}",service="s",scope="repository:app:pull"`,
        })
        .end();
    });
    const auth = { kind: 'password' as const, username: 'me', password: 'secret' };
    await resolveImage(openRegistry(reference, { auth }), signal());
    expect(seen).toEqual([
      `/token?service=s&scope=repository%3Aapp%3Apull Basic ${Buffer.from('me:secret').toString('base64')}`,
    ]);
  });

  test.each<[string, RequestListener, string, RegExp]>([
    ['answers 404', (_, response) => response.writeHead(404).end(), 'not-found', /does not exist/],
    ['answers 503', (_, response) => response.writeHead(503).end(), 'unavailable', /503; try again/],
    ['answers 429', (_, response) => response.writeHead(429).end(), 'unavailable', /429/],
    ['answers 403', (_, response) => response.writeHead(403).end(), 'denied', /403/],
    ['hangs up', (request) => request.socket.destroy(), 'unavailable', /cannot be reached/],
    [
      'breaks off',
      (_, response) =>
        void response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy()),
      'unavailable',
      /breaks off/,
    ],
    ['sends no JSON', (_, response) => response.end('<html>'), 'broken', /not JSON/],
    [
      'sends a manifest that is too large',
      (_, response) => response.end(Buffer.alloc(5 << 20)),
      'limit',
      /larger than/,
    ],
    [
      'gives another digest',
      (_, response) =>
        response.writeHead(200, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end(manifest),
      'broken',
      /does not match its digest/,
    ],
  ])('says what is wrong when the registry %s', async (_, listener, kind, message) => {
    const reference = await serve(listener);
    await expect(resolveImage(openRegistry(reference), signal())).rejects.toMatchObject({
      kind,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ['shorter', config.subarray(1), /cut off/],
    ['longer', Buffer.concat([config, Buffer.from(' ')]), /longer/],
    ['different', Buffer.from(config.toString().replace('linux', 'linuX')), /does not match its digest/],
  ])('refuses a blob that is %s than promised', async (_, bytes, message) => {
    const reference = await serve(
      image((request, response) => request.url?.includes('/blobs/') && response.end(bytes)),
    );
    await expect(resolveImage(openRegistry(reference), signal())).rejects.toMatchObject({
      kind: 'broken',
      message: expect.stringMatching(message),
    });
  });

  test('stops reading a blob that never ends', async () => {
    const endless = new Readable({ read: () => endless.push(Buffer.alloc(65536)) });
    const reference = await serve((_, response) => {
      response.once('close', () => endless.destroy());
      endless.pipe(response);
    });
    const source = await openRegistry(reference).blob(configDescriptor, signal());
    const read = async () => {
      for await (const _ of verified(source, configDescriptor, 'the blob'));
    };
    await expect(read()).rejects.toMatchObject({ kind: 'broken' });
  });

  test('can be given up while the registry is silent', async () => {
    const controller = new AbortController();
    const reference = await serve(() => controller.abort(new Error('given up')));
    await expect(resolveImage(openRegistry(reference), controller.signal)).rejects.toThrow('given up');
  });
});
