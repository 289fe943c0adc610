import { createHash } from 'node:crypto';
import { cp, readdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRegistry } from '../test/registry-process.ts';
import { run } from '../test/run.ts';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { listTree } from '../test/tree-listing.ts';
import { type LayerCompression, type LayoutEntry, writeLayout } from './layout-writer.ts';
import { createImageStore } from './pull.ts';
import type { PullProgress } from './pull-progress.ts';

const fresh = temporaryDirectories();
const signal = () => AbortSignal.timeout(30_000);
const file = (
  path: string,
  content: string,
  more: { mode?: number; uid?: number; gid?: number } = {},
): LayoutEntry => {
  return { type: 'file', path, source: { bytes: Buffer.from(content) }, ...more };
};

/** Three layers with all that merging has to get right. */
const layers: LayoutEntry[][] = [
  [
    { type: 'directory', path: 'usr', mode: 0o755 },
    { type: 'directory', path: 'usr/bin', mode: 0o755 },
    { type: 'symlink', path: 'bin', target: 'usr/bin' },
    file('usr/bin/tool', 'tool', { mode: 0o4755 }),
    { type: 'hard-link', path: 'usr/bin/alias', target: 'usr/bin/tool' },
    { type: 'directory', path: 'etc', mode: 0o755 },
    file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n'),
    file('etc/group', 'root:x:0:\n'),
    { type: 'directory', path: 'data', mode: 0o1777, uid: 1000, gid: 1000 },
    { type: 'directory', path: 'data/old', mode: 0o700 },
    file('data/old/file', 'old'),
    file('gone', 'gone'),
    file('replaced', 'first'),
    { type: 'directory', path: 'becomes-file', mode: 0o755 },
    file('becomes-file/inside', 'x'),
    file(`${'deep/'.repeat(30)}file`, 'deep', { uid: 3_000_000, gid: 7 }),
  ],
  [
    file('.wh.gone', ''),
    file('replaced', 'second', { mode: 0o600, uid: 1, gid: 2 }),
    { type: 'directory', path: 'data', mode: 0o1777, uid: 1000, gid: 1000 },
    file('data/.wh..wh..opq', ''),
    file('data/new', 'new'),
    file('bin/added', 'through a link'),
    file('becomes-file', 'now a file'),
  ],
  [
    file('usr/bin/tool', 'newer tool'),
    file('etc/group', 'root:x:0:\nweb:x:5:\n'),
    file('big', 'z'.repeat(3_000_000)),
  ],
];

const config = { Cmd: ['/bin/tool'], Env: ['A=1'] };

async function makeLayout(compression: LayerCompression = 'gzip') {
  const directory = join(fresh(), 'layout');
  const { digest } = await writeLayout(directory, { layers, compression, config });
  return { directory, digest };
}

async function unpackOurs(image: string): Promise<string[]> {
  const target = join(fresh(), 'ours');
  await run('unsquashfs', '-q', '-n', '-d', target, image);
  return await listTree(target);
}

async function unpackReference(layout: string): Promise<string[]> {
  const bundle = join(fresh(), 'bundle');
  await run('umoci', 'unpack', '--image', `${layout}:latest`, bundle);
  return await listTree(join(bundle, 'rootfs'));
}

describe('an image pulled from an OCI layout', () => {
  test.each<LayerCompression>(['none', 'gzip', 'zstd'])(
    'has just the files that umoci unpacks (%s)',
    async (compression) => {
      const { directory, digest } = await makeLayout(compression);
      const store = createImageStore({ cacheDir: fresh() });
      const packed = await store.pull({ reference: `oci:${directory}:latest`, signal: signal() });
      expect(packed).toMatchObject({ digest, format: 'squashfs', names: [`oci:${directory}:latest`] });
      expect(packed.accounts).toEqual({
        passwd: 'root:x:0:0:root:/root:/bin/sh\n',
        group: 'root:x:0:\nweb:x:5:\n',
      });
      expect(JSON.parse(Buffer.from(packed.config).toString())).toMatchObject({ config });
      const reference = compression === 'zstd' ? (await makeLayout('none')).directory : directory;
      expect(await unpackOurs(packed.path)).toEqual(await unpackReference(reference));
    },
  );

  test('is packed once, also by a store that starts anew', async () => {
    const { directory } = await makeLayout();
    const cacheDir = fresh();
    const reference = `oci:${directory}`;
    const first = await createImageStore({ cacheDir }).pull({ reference, signal: signal() });
    const { ino } = await stat(first.path);
    const again = createImageStore({ cacheDir });
    expect((await stat((await again.pull({ reference, signal: signal() })).path)).ino).toBe(ino);
    expect(await again.list()).toHaveLength(1);
    const overwritten = await again.pull({ reference, overwriteCache: true, signal: signal() });
    expect((await stat(overwritten.path)).ino).not.toBe(ino);
  });

  test('is packed once for callers at the same time, and reports its phases to each', async () => {
    const { directory } = await makeLayout();
    const cacheDir = fresh();
    const packs: object[] = [];
    const store = createImageStore({ cacheDir, logger: { info: (fields) => packs.push(fields) } });
    const reports: PullProgress[][] = [[], [], []];
    const pulls = reports.map((seen) =>
      store.pull({
        reference: `oci:${directory}`,
        signal: signal(),
        onProgress: (progress) => seen.push(progress),
      }),
    );
    const packed = await Promise.all(pulls);
    expect(new Set(packed.map(({ path }) => path)).size).toBe(1);
    expect(packs).toHaveLength(1);
    for (const seen of reports) {
      const phases = [...new Set(seen.map(({ phase }) => phase))];
      expect(phases).toEqual([
        'started',
        'resolving',
        'resolved',
        'config-download',
        'layer-download',
        'assemble',
        'pack',
        'complete',
      ]);
      expect(seen.findLast(({ phase }) => phase === 'pack')?.layers.map(({ phase }) => phase)).toEqual([
        'extracted',
        'extracted',
        'extracted',
      ]);
    }
  });

  test('may be packed as a tar archive, with the same files', async () => {
    const { directory } = await makeLayout();
    const packed = await createImageStore({ cacheDir: fresh() }).pull({
      reference: `oci:${directory}`,
      format: 'tar',
      signal: signal(),
    });
    const target = fresh();
    await run('tar', '-xpf', packed.path, '--same-owner', '-C', target);
    expect(await listTree(target)).toEqual(await unpackReference(directory));
  });

  test('can be removed, with its names', async () => {
    const { directory, digest } = await makeLayout();
    const cacheDir = fresh();
    const store = createImageStore({ cacheDir });
    await store.pull({ reference: `oci:${directory}`, signal: signal() });
    expect(await store.remove(digest)).toBe(true);
    expect(await store.remove(digest)).toBe(false);
    expect(await store.list()).toEqual([]);
    expect(await readdir(cacheDir)).toEqual(['index.json']);
  });

  test('cannot be packed as EROFS yet, and the error names what can be', async () => {
    const store = createImageStore({ cacheDir: fresh() });
    const pull = store.pull({ reference: 'oci:/nowhere', format: 'erofs', signal: signal() });
    await expect(pull).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('squashfs'),
    });
  });

  test('that is given up leaves nothing behind', async () => {
    const { directory } = await makeLayout();
    const cacheDir = fresh();
    const store = createImageStore({ cacheDir });
    const controller = new AbortController();
    const pull = store.pull({
      reference: `oci:${directory}`,
      signal: controller.signal,
      onProgress: ({ phase }) => phase === 'pack' && controller.abort(new Error('given up')),
    });
    await expect(pull).rejects.toThrow('given up');
    await expect.poll(() => readdir(cacheDir)).toEqual([]);
  });

  test('of an image without files is an empty filesystem', async () => {
    const directory = join(fresh(), 'layout');
    await writeLayout(directory, { layers: [] });
    const packed = await createImageStore({ cacheDir: fresh() }).pull({
      reference: `oci:${directory}`,
      signal: signal(),
    });
    expect(await unpackOurs(packed.path)).toEqual([]);
  });
});

describe('a broken OCI layout', () => {
  const blob = async (directory: string, kind: 'manifest' | 'config' | 'layer') => {
    const blobs = join(directory, 'blobs', 'sha256');
    const read = async (digest: string) => JSON.parse(await readFile(join(blobs, digest.slice(7)), 'utf8'));
    const index = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'));
    const { digest } = index.manifests[0];
    if (kind === 'manifest') return join(blobs, digest.slice(7));
    const manifest = await read(digest);
    const descriptor = kind === 'config' ? manifest.config : manifest.layers[1];
    return join(blobs, descriptor.digest.slice(7));
  };
  const flip = async (path: string) => {
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff;
    await writeFile(path, bytes);
  };

  test.each<[string, (directory: string) => Promise<unknown>, string, RegExp]>([
    [
      'without oci-layout',
      (d) => rename(join(d, 'oci-layout'), join(d, 'x')),
      'not-found',
      /oci-layout does not exist/,
    ],
    [
      'of another version',
      (d) => writeFile(join(d, 'oci-layout'), '{"imageLayoutVersion":"9"}'),
      'unsupported',
      /oci-layout .*1\.0\.0/,
    ],
    [
      'without index.json',
      (d) => rename(join(d, 'index.json'), join(d, 'x')),
      'not-found',
      /index\.json does not exist/,
    ],
    [
      'whose index is no JSON',
      (d) => writeFile(join(d, 'index.json'), 'x'),
      'broken',
      /index\.json is not JSON/,
    ],
    [
      'whose index is huge',
      (d) => truncate(join(d, 'index.json'), 5 << 20),
      'limit',
      /index\.json has 5242880 bytes/,
    ],
    [
      'without the manifest',
      async (d) => rename(await blob(d, 'manifest'), join(d, 'x')),
      'not-found',
      /blobs\/sha256\/.* does not exist/,
    ],
    [
      'with a damaged manifest',
      async (d) => flip(await blob(d, 'manifest')),
      'broken',
      /does not match its name/,
    ],
    [
      'with a damaged configuration',
      async (d) => flip(await blob(d, 'config')),
      'broken',
      /configuration sha256.* does not match its digest/,
    ],
    [
      'without a layer',
      async (d) => rename(await blob(d, 'layer'), join(d, 'x')),
      'not-found',
      /blobs\/sha256\/.* does not exist/,
    ],
    [
      'with a truncated layer',
      async (d) => truncate(await blob(d, 'layer'), 50),
      'broken',
      /has 50 bytes, its descriptor promises/,
    ],
    ['with a damaged layer', async (d) => flip(await blob(d, 'layer')), 'broken', /layer sha256/],
  ])('%s is refused with the file and the reason, and nothing is left', async (_, damage, kind, message) => {
    const { directory } = await makeLayout();
    await damage(directory);
    const cacheDir = fresh();
    const pull = createImageStore({ cacheDir }).pull({ reference: `oci:${directory}`, signal: signal() });
    await expect(pull).rejects.toMatchObject({ kind, message: expect.stringMatching(message) });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('names the tags it has when another is asked for', async () => {
    const { directory } = await makeLayout();
    const pull = createImageStore({ cacheDir: fresh() }).pull({
      reference: `oci:${directory}:v9`,
      signal: signal(),
    });
    await expect(pull).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('latest'),
    });
  });

  test('a layer with other contents than the configuration promises is refused', async () => {
    const { directory } = await makeLayout('none');
    const other = join(fresh(), 'other');
    await writeLayout(other, { layers: [[file('x', 'y')], ...layers.slice(1)], compression: 'none', config });
    const manifestPath = await blob(directory, 'manifest');
    const manifest = JSON.parse(await readFile(manifestPath, 'utf8'));
    const evil = JSON.parse(await readFile(await blob(other, 'manifest'), 'utf8'));
    manifest.layers[0] = evil.layers[0];
    await cp(join(other, 'blobs'), join(directory, 'blobs'), { recursive: true });
    const bytes = Buffer.from(JSON.stringify(manifest));
    const hex = createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(directory, 'blobs', 'sha256', hex), bytes);
    const index = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'));
    index.manifests[0] = { ...index.manifests[0], digest: `sha256:${hex}`, size: bytes.length };
    await writeFile(join(directory, 'index.json'), JSON.stringify(index));
    const pull = createImageStore({ cacheDir: fresh() }).pull({
      reference: `oci:${directory}`,
      signal: signal(),
    });
    await expect(pull).rejects.toMatchObject({
      kind: 'broken',
      message: expect.stringContaining('configuration promises'),
    });
  });
});

describe('an image pulled from a registry', () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
  });

  test('has just the files that umoci unpacks, and the digest that the registry gave it', async () => {
    const { directory } = await makeLayout();
    const reference = `${registry.host}/team/app:v1`;
    await run(
      'skopeo',
      'copy',
      '--dest-tls-verify=false',
      `oci:${directory}:latest`,
      `docker://${reference}`,
    );
    const inspected = JSON.parse(
      await run('skopeo', 'inspect', '--tls-verify=false', `docker://${reference}`),
    );
    const store = createImageStore({ cacheDir: fresh() });
    const packed = await store.pull({ reference, signal: signal() });
    expect(packed.digest).toBe(inspected.Digest);
    expect(await unpackOurs(packed.path)).toEqual(await unpackReference(directory));
    const pinned = await store.pull({
      reference: `${registry.host}/team/app@${packed.digest}`,
      signal: signal(),
    });
    expect(pinned.path).toBe(packed.path);
    expect(pinned.names).toHaveLength(2);
  });

  test('comes from the mirror under its name at Docker Hub', async () => {
    const { directory, digest } = await makeLayout('gzip');
    const pushed = `docker://${registry.host}/library/mirrored:v1`;
    await run('skopeo', 'copy', '--dest-tls-verify=false', `oci:${directory}:latest`, pushed);
    const store = createImageStore({ cacheDir: fresh(), access: { dockerHubMirror: registry.host } });
    const packed = await store.pull({ reference: 'mirrored:v1', signal: signal() });
    expect(packed).toMatchObject({ digest, names: ['docker.io/library/mirrored:v1'] });
  });

  test('keeps its meaning until an update is asked for', async () => {
    const reference = `${registry.host}/moving:latest`;
    const push = async (content: string) => {
      const directory = join(fresh(), 'layout');
      await writeLayout(directory, { layers: [[file('version', content)]] });
      await run(
        'skopeo',
        'copy',
        '--dest-tls-verify=false',
        `oci:${directory}:latest`,
        `docker://${reference}`,
      );
    };
    const store = createImageStore({ cacheDir: fresh() });
    await push('one');
    const first = await store.pull({ reference, signal: signal() });
    await push('two');
    expect((await store.pull({ reference, signal: signal() })).digest).toBe(first.digest);
    expect((await store.pull({ reference, update: true, signal: signal() })).digest).not.toBe(first.digest);
  });

  test('that does not exist is not found, with the address', async () => {
    const reference = `${registry.host}/none:v1`;
    const pull = createImageStore({ cacheDir: fresh() }).pull({ reference, signal: signal() });
    await expect(pull).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining(`${registry.host}/none:v1`),
    });
  });
});
