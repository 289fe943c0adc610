import { randomBytes } from 'node:crypto';
import { type RequestListener, request } from 'node:http';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryServers } from '../test/http-servers.ts';
import { startRegistry } from '../test/registry-process.ts';
import { run } from '../test/run.ts';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { digestOf, verified } from './descriptor.ts';
import { writeLayout } from './layout-writer.ts';
import { createImageStore } from './pull.ts';
import type { RegistryReference } from './reference.ts';
import { openRegistry, type RegistryOptions } from './registry.ts';

const fresh = temporaryDirectories();
const listen = temporaryServers();
const bytes = Buffer.from('0123456789'.repeat(40_000));
const descriptor = { mediaType: 'm', digest: digestOf(bytes), size: bytes.length };
const pace = { backOffMs: 1 };

async function fetchBlob(host: string, options: RegistryOptions = {}): Promise<Buffer> {
  const reference: RegistryReference = { kind: 'registry', host, repository: 'app', tag: 'v1' };
  const signal = AbortSignal.timeout(20_000);
  const source = await openRegistry(reference, { pace, ...options }).blob(descriptor, signal);
  const parts: Uint8Array[] = [];
  for await (const part of verified(source, descriptor, 'the blob')) parts.push(part);
  return Buffer.concat(parts);
}

/** Answers with `bytes`, but cuts the connection after `cutAfter` of them for as often as `cuts` says. */
function cutting(cuts: number, knowsRanges: boolean, ranges: (string | undefined)[]): RequestListener {
  return ({ headers }, response) => {
    ranges.push(headers.range);
    const start = knowsRanges ? Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0) : 0;
    const rest = bytes.subarray(start);
    if (start > 0) response.statusCode = 206;
    if (start > 0) response.setHeader('content-range', `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
    response.setHeader('content-length', rest.length);
    if (ranges.length > cuts) response.end(rest);
    else response.write(rest.subarray(0, 100_000), () => response.destroy());
  };
}

test.each([true, false])('a cut download goes on where it was (server knows ranges: %s)', async (knows) => {
  const ranges: (string | undefined)[] = [];
  expect((await fetchBlob(await listen(cutting(3, knows, ranges)))).equals(bytes)).toBe(true);
  expect(ranges).toHaveLength(4);
  expect(ranges[0]).toBeUndefined();
  if (knows) expect(ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
});

test('a download from a real registry that is cut on the way goes on where it was', async () => {
  await using registry = await startRegistry();
  const directory = join(fresh(), 'layout');
  const source = { bytes: randomBytes(3_000_000) };
  const entry = { type: 'file', path: 'noise', source } as const;
  const { digest } = await writeLayout(directory, { layers: [[entry]], compression: 'gzip' });
  const target = `docker://${registry.host}/app:v1`;
  await run('skopeo', 'copy', '--dest-tls-verify=false', `oci:${directory}:latest`, target);
  const ranges: string[] = [];
  const host = await listen(({ url, headers }, response) => {
    request(`http://${registry.host}${url}`, { headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      if (headers.range !== undefined) ranges.push(`${headers.range} ${answer.statusCode}`);
      const isLayer = Number(answer.headers['content-length']) > 1_000_000;
      if (!isLayer) return void answer.pipe(response);
      let left = 1_000_000;
      answer.on('data', (chunk: Buffer) => {
        response.write(chunk);
        left -= chunk.length;
        if (left > 0) return;
        answer.destroy();
        response.destroy();
      });
      answer.once('end', () => response.end());
    }).end();
  });
  const store = createImageStore({ cacheDir: fresh() });
  const packed = await store.pull({ reference: `${host}/app:v1`, signal: AbortSignal.timeout(30_000) });
  expect(packed.digest).toBe(digest);
  expect(ranges.length).toBeGreaterThanOrEqual(2);
  for (const range of ranges) expect(range).toMatch(/^bytes=[1-9]\d+- 206$/);
});

test('a download that is cut again and again ends with the reason', async () => {
  await expect(fetchBlob(await listen(cutting(99, false, [])))).rejects.toMatchObject({
    kind: 'unavailable',
    message: expect.stringMatching(/\/blobs\/sha256:\w+ breaks off: aborted/),
  });
});

test('bytes of another place than asked for are refused, and so are those that fit the offset only', async () => {
  let asked = 0;
  const other = await listen((_, response) => {
    const isFirst = asked++ === 0;
    response.setHeader('content-length', bytes.length);
    if (isFirst) return void response.write(bytes.subarray(0, 1000), () => response.destroy());
    response.writeHead(206, { 'content-range': 'bytes 5-10/11' }).end('012345');
  });
  await expect(fetchBlob(other)).rejects.toMatchObject({ kind: 'broken' });
  const forged = await listen(({ headers }, response) => {
    if (headers.range === undefined) {
      response.setHeader('content-length', bytes.length);
      return void response.write(Buffer.alloc(1000), () => response.destroy());
    }
    const start = Number(headers.range.slice('bytes='.length, -1));
    response.writeHead(206, { 'content-range': `bytes ${start}-/*` }).end(bytes.subarray(start));
  });
  await expect(fetchBlob(forged)).rejects.toThrow(/does not match its digest/);
});

test('a registry that is busy is asked again, after the time that it says', async () => {
  const answers = [503, 429, 502];
  const host = await listen((_, response) => {
    const status = answers.shift();
    if (status === undefined) response.end(bytes);
    else response.writeHead(status, { 'retry-after': '0' }).end();
  });
  expect((await fetchBlob(host)).equals(bytes)).toBe(true);
  const patient = await listen((_, response) => response.writeHead(429, { 'retry-after': '3600' }).end());
  await expect(fetchBlob(patient)).rejects.toThrow(/answers 429; try again in 3600 s$/);
});

test('a silent registry and a silent body end with the reason', async () => {
  const silent = await listen(() => undefined);
  await expect(fetchBlob(silent, { pace: { ...pace, answerMs: 50 } })).rejects.toThrow(
    /cannot be reached: no answer within 50 ms/,
  );
  const stalling = await listen((_, response) => void response.write('0'));
  await expect(fetchBlob(stalling, { pace: { ...pace, stallMs: 50 } })).rejects.toThrow(
    /breaks off: no byte for 50 ms/,
  );
});

test('a body that drips is given up, however long it would go on', async () => {
  const host = await listen((_, response) => {
    const drip = setInterval(() => response.write('0'), 5);
    response.once('close', () => clearInterval(drip));
  });
  await expect(fetchBlob(host, { pace: { ...pace, windowMs: 100 } })).rejects.toThrow(
    /is too slow: \d+ bytes in 100 ms/,
  );
});

const auth = { kind: 'password', username: 'me', password: 'secret' } as const;
const [address] = Object.values(networkInterfaces())
  .flat()
  .flatMap((entry) => (entry?.family === 'IPv4' && !entry.internal ? [entry.address] : []));

/** An address of this machine that is not loopback, so that it counts as another host. */
function ownAddress(): string {
  if (address === undefined) throw new Error('this test needs a network interface besides loopback');
  return address;
}

test('a redirect is followed, and credentials go to no other host', async () => {
  const seen: (string | undefined)[] = [];
  const store = await listen(({ headers }, response) => {
    seen.push(headers.authorization);
    response.end(bytes);
  });
  const host = await listen(({ headers }, response) => {
    seen.push(headers.authorization);
    if (headers.authorization === undefined)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
    else response.writeHead(307, { location: `http://you:word@${store}/signed?signature=s` }).end();
  });
  expect((await fetchBlob(host, { auth })).equals(bytes)).toBe(true);
  expect(seen).toEqual([undefined, expect.stringMatching(/^Basic /), undefined]);
});

test.each([
  ['in a circle', (host: string) => `http://${host}/again?x=secret`, /redirects more than 5 times/],
  ['to a file', () => 'file:///etc/passwd', /no address of the web/],
])('a redirect %s is refused, without what may be secret in it', async (_, target, message) => {
  const host: string = await listen((_, response) =>
    response.writeHead(302, { location: target(host) }).end(),
  );
  const failure = await fetchBlob(host).catch((error: unknown) => error);
  expect(failure).toMatchObject({ kind: 'broken', message: expect.stringMatching(message) });
  expect(String(failure)).not.toContain('secret');
});

test('no other host redirects to this one, unless it is configured', async () => {
  const store = await listen((_, response) => response.end(bytes));
  const port = store.split(':')[1];
  for (const target of [
    store,
    `localhost:${port}`,
    `0x7f.1:${port}`,
    '169.254.169.254',
    '[::ffff:127.0.0.1]:1',
  ]) {
    const host = await listen(
      (_, response) => response.writeHead(307, { location: `http://${target}/` }).end(),
      ownAddress(),
    );
    const registries = { [host]: { plainHttp: true } };
    await expect(fetchBlob(host, { registries })).rejects.toThrow(/an? address of this host/);
    if (target !== store) continue;
    const both = { ...registries, [store]: {} };
    expect((await fetchBlob(host, { registries: both })).equals(bytes)).toBe(true);
  }
});

test('no other host has a token service on this one', async () => {
  const asked: (string | undefined)[] = [];
  const service = await listen(({ url }, response) => {
    asked.push(url);
    response.end('{"token":"T"}');
  });
  const challenge = { 'www-authenticate': `Bearer realm="http://${service}/token"` };
  const host = await listen((_, response) => response.writeHead(401, challenge).end(), ownAddress());
  const registries = { [host]: { plainHttp: true } };
  await expect(fetchBlob(host, { registries, auth })).rejects.toThrow(/is an address of this host/);
  expect(asked).toEqual([]);
});

test('mirrors are asked first, without the credentials of the registry, and one that is gone is left out', async () => {
  const seen: string[] = [];
  const note = (name: string, answer: RequestListener) =>
    listen((incoming, response) => {
      seen.push(`${name} ${incoming.headers.authorization ?? 'nobody'}`);
      answer(incoming, response);
    });
  const gone = await listen((_, response) => response.writeHead(503).end());
  const empty = await note('empty', (_, response) => response.writeHead(404).end());
  const full = await note('full', (_, response) => response.end(bytes));
  const refuse: RequestListener = ({ headers }, response) =>
    headers.authorization === undefined
      ? response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
      : response.end(bytes);
  const closed = await note('closed', refuse);
  const host = await note('registry', refuse);
  await fetchBlob(host, { auth, registries: { [host]: { mirrors: [gone, empty, full] } } });
  expect(seen).toEqual(['empty nobody', 'full nobody']);
  seen.length = 0;
  await fetchBlob(host, { auth, registries: { [host]: { mirrors: [gone, empty, closed] } } });
  expect(seen.slice(0, 3)).toEqual(['empty nobody', 'closed nobody', 'registry nobody']);
  expect(seen[3]).toMatch(/^registry Basic /);
  const failing = fetchBlob(host, { registries: { [host]: { mirrors: [gone, empty] } } });
  await expect(failing).rejects.toThrow(
    new RegExp(`give credentials \\(before that: mirror ${gone}: .*503.*; mirror ${empty}: .*404\\)`),
  );
});

test('what is sent before a cut comes from a mirror and the rest from the registry', async () => {
  const mirror = await listen(cutting(1, true, []));
  const host = await listen(({ headers, url }, response) => {
    // The registry itself, behind the mirror that has ended meanwhile.
    request(`http://${mirror}${url}`, { headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    }).end();
  });
  expect((await fetchBlob(host, { registries: { [host]: { mirrors: [mirror] } } })).equals(bytes)).toBe(true);
});
