import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { archiveWorkshop, entriesOf } from '../test/archive-workshop.ts';
import { run } from '../test/run.ts';
import { type TestEntry, tarBytes } from '../test/tar-bytes.ts';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { listTree } from '../test/tree-listing.ts';
import { checkImport, type ImportRequest, maxImports } from './import-archive.ts';
import type { LayerCompression } from './layout-writer.ts';

const fresh = temporaryDirectories();
const { makeLayout, openStore, treeOf, pulledTree, skopeo, filesOf } = archiveWorkshop(fresh);

describe('an image of an OCI archive', () => {
  test.each<LayerCompression>(['none', 'gzip', 'zstd'])(
    'is the one that is pulled from the layout (%s)',
    async (compression) => {
      const { directory, digest } = await makeLayout(compression);
      const archive = join(fresh(), 'layout.tar');
      await run('tar', '-C', directory, '-cf', archive, '.');
      const { cacheDir, path, store } = openStore();
      const packed = await path(archive, { name: 'team/app:v1', digest });
      expect(packed).toMatchObject({ digest, format: 'squashfs', names: ['docker.io/team/app:v1'] });
      expect(await treeOf(packed.path)).toEqual(await pulledTree(directory));
      expect(await store.list()).toHaveLength(1);
      expect((await readdir(cacheDir)).sort()).toEqual([`${digest.slice(7)}-squashfs`, 'index.json'].sort());
    },
  );

  test('keeps its digest on the way through skopeo, compressed as a whole or not', async () => {
    const { directory, digest } = await makeLayout();
    const archive = await readFile(await skopeo(directory, 'oci-archive', 'v1'));
    for (const bytes of [archive, gzipSync(archive), zstdCompressSync(archive)]) {
      expect((await openStore().bytes(bytes)).digest).toBe(digest);
    }
  });

  test('made by umoci has just the files that umoci unpacks', async () => {
    const { directory } = await makeLayout();
    const bundle = join(fresh(), 'bundle');
    await run('umoci', 'unpack', '--image', `${directory}:latest`, bundle);
    await writeFile(join(bundle, 'rootfs', 'added'), 'by umoci');
    await run('umoci', 'repack', '--image', `${directory}:new`, bundle);
    const expected = join(fresh(), 'expected');
    await run('umoci', 'unpack', '--image', `${directory}:new`, expected);
    const archive = join(fresh(), 'layout.tar');
    await run('tar', '-C', directory, '-cf', archive, 'oci-layout', 'index.json', 'blobs');
    const packed = await openStore().path(archive, { name: 'app:new' });
    expect(await treeOf(packed.path)).toEqual(await listTree(join(expected, 'rootfs')));
  });

  test('must be named when there are several', async () => {
    const { directory } = await makeLayout();
    await run('umoci', 'tag', '--image', `${directory}:latest`, 'other');
    await run('umoci', 'config', '--image', `${directory}:other`, '--config.cmd', 'x');
    const archive = join(fresh(), 'layout.tar');
    await run('tar', '-C', directory, '-cf', archive, '.');
    const { path } = openStore();
    await expect(path(archive)).rejects.toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/latest, other/),
    });
    const [latest, other] = [
      await path(archive, { name: 'app' }),
      await path(archive, { name: 'app:other' }),
    ];
    expect(latest.digest).not.toBe(other.digest);
    expect((await path(archive, { digest: other.digest })).path).toBe(other.path);
  });
});

describe('an image of docker save', () => {
  test('has the digest that skopeo tells and the files that are pulled from the layout', async () => {
    const { directory } = await makeLayout();
    const archive = await skopeo(directory, 'docker-archive');
    const { Digest } = JSON.parse(await run('skopeo', 'inspect', `docker-archive:${archive}`));
    const packed = await openStore().path(archive, { name: 'app' });
    expect(packed.digest).toBe(Digest);
    expect(await treeOf(packed.path)).toEqual(await pulledTree(directory));
  });

  test('of before version 25 has a folder a layer, and links where layers are the same', async () => {
    const { directory } = await makeLayout();
    const files = await filesOf(await skopeo(directory, 'docker-archive'));
    const [image] = JSON.parse(files.get('manifest.json')?.toString() ?? '');
    const entries: TestEntry[] = [{ name: image.Config, content: files.get(image.Config) ?? '' }];
    const first = new Map<string, string>();
    const Layers = image.Layers.map((layer: string, at: number) => {
      const name = `${at}/layer.tar`;
      const known = first.get(layer);
      if (known === undefined) entries.push({ name, content: files.get(layer) ?? '' });
      else entries.push({ name, type: 'symlink', linkName: `../${known}` });
      first.set(layer, name);
      return name;
    });
    entries.push({ name: 'manifest.json', content: JSON.stringify([{ ...image, Layers }]) });
    const packed = await openStore().bytes(tarBytes(entries));
    expect(await treeOf(packed.path)).toEqual(await pulledTree(directory));
  });

  test('may have compressed layers', async () => {
    const { directory } = await makeLayout();
    const files = await filesOf(await skopeo(directory, 'docker-archive'));
    for (const [name, content] of files) if (name.endsWith('.tar')) files.set(name, gzipSync(content));
    const packed = await openStore().bytes(tarBytes(entriesOf(files)));
    expect(await treeOf(packed.path)).toEqual(await pulledTree(directory));
  });

  test('of version 25 and later is a layout as well, and keeps its digest', async () => {
    const { directory, digest } = await makeLayout('none');
    const tar = join(fresh(), 'layout.tar');
    await run('tar', '-C', directory, '-cf', tar, '.');
    const files = await filesOf(tar);
    const { config, layers: blobs } = JSON.parse(
      await readFile(join(directory, 'blobs/sha256', digest.slice(7)), 'utf8'),
    );
    const blobPath = (blob: { digest: string }) => `blobs/sha256/${blob.digest.slice(7)}`;
    const list = [{ Config: blobPath(config), RepoTags: ['app:v1'], Layers: blobs.map(blobPath) }];
    files.set('manifest.json', Buffer.from(JSON.stringify(list)));
    const whole = await openStore().bytes(tarBytes(entriesOf(files)));
    expect(whole.digest).toBe(digest);
    files.delete('index.json');
    const old = await openStore().bytes(tarBytes(entriesOf(files)));
    expect(await treeOf(old.path)).toEqual(await treeOf(whole.path));
  });
});

describe('a request to import', () => {
  test.each<[string, Partial<ImportRequest>, RegExp]>([
    ['a digest that is none', { digest: 'sha256:12' }, /no image digest/],
    ['a name that is none', { name: 'team/UPPER' }, /lower case/],
    ['a folder for a name', { name: 'oci:/tmp/x' }, /is a folder/],
    ['a format that cannot be made', { format: 'erofs' }, /erofs/],
    [
      'two digests',
      { name: `a@sha256:${'0'.repeat(64)}`, digest: `sha256:${'1'.repeat(64)}` },
      /contradicts/,
    ],
  ])('with %s is refused before the archive comes', (_, request, message) => {
    expect(() => checkImport({ name: '', digest: '', overwriteCache: false, ...request })).toThrow(message);
  });

  test('packs again only when asked to', async () => {
    const { directory } = await makeLayout();
    const archive = await readFile(await skopeo(directory, 'oci-archive', 'v1'));
    const packs: object[] = [];
    const { bytes } = openStore({ logger: { info: (fields) => packs.push(fields) } });
    await bytes(archive);
    await bytes(archive);
    expect(packs).toHaveLength(1);
    await bytes(archive, { overwriteCache: true });
    expect(packs).toHaveLength(2);
  });

  test('waits for no other: one more than are possible at once is refused', async () => {
    const { stream, cacheDir } = openStore();
    const stop = new AbortController();
    const stopped = once(stop.signal, 'abort');
    const never = async function* () {
      await stopped;
      if (stop.signal.aborted) throw new Error('given up');
      yield new Uint8Array();
    };
    const held = Promise.allSettled(Array.from({ length: maxImports }, () => stream(never())));
    await expect(stream(never())).rejects.toMatchObject({ kind: 'limit' });
    stop.abort();
    for (const one of await held) expect(one).toMatchObject({ reason: { message: 'given up' } });
    expect(await readdir(cacheDir)).toEqual([]);
  });
});
