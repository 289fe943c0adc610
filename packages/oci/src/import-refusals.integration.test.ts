import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { archiveWorkshop, entriesOf } from '../test/archive-workshop.ts';
import { tarBytes } from '../test/tar-bytes.ts';
import { temporaryDirectories } from '../test/temporary-directory.ts';
import { digestOf } from './descriptor.ts';
import { checkImport } from './import-archive.ts';
import { createImageStore } from './pull.ts';

const fresh = temporaryDirectories();
const { makeLayout, openStore, skopeo, filesOf } = archiveWorkshop(fresh);

describe('an archive that is not what it should be', () => {
  const evil = digestOf(Buffer.from('evil'));
  const oci = async () => {
    const { directory } = await makeLayout();
    return await filesOf(await skopeo(directory, 'oci-archive', 'v1'));
  };
  const docker = async () => {
    const { directory } = await makeLayout();
    return await filesOf(await skopeo(directory, 'docker-archive'));
  };
  const changed = (files: Map<string, Buffer>, path: string, change: (text: string) => string) => {
    files.set(path, Buffer.from(change(files.get(path)?.toString('latin1') ?? ''), 'latin1'));
    return tarBytes(entriesOf(files));
  };
  const layerOf = (files: Map<string, Buffer>) =>
    [...files].find(([, content]) => content[0] === 0x1f || content.includes('zzzz'))?.[0] ?? '';

  test.each<[string, () => Promise<Uint8Array>, string, RegExp]>([
    ['is empty', async () => new Uint8Array(), 'broken', /is no image/],
    ['is no archive', async () => Buffer.alloc(4096, 'x'), 'broken', /no tar archive/],
    ['is cut off', async () => tarBytes(entriesOf(await oci())).subarray(0, 700), 'broken', /cut off/],
    [
      'is cut off while compressed',
      async () => gzipSync(tarBytes(entriesOf(await oci()))).subarray(0, -20),
      'broken',
      /cannot be decompressed/,
    ],
    [
      'has a path that leads out of it',
      async () => tarBytes([...entriesOf(await oci()), { name: '../../etc/passwd', content: 'x' }]),
      'broken',
      /contains \.\./,
    ],
    [
      'has two indexes',
      async () => tarBytes([...entriesOf(await oci()), { name: 'index.json', content: '{}' }]),
      'broken',
      /"index.json" twice/,
    ],
    [
      'has an index of other things',
      async () => changed(await oci(), 'index.json', () => '[]'),
      'broken',
      /index.json of the archive is not valid/,
    ],
    [
      'promises a manifest that it lacks',
      async () => changed(await oci(), 'index.json', (text) => text.replace(/sha256:[0-9a-f]{64}/, evil)),
      'broken',
      /incomplete/,
    ],
    [
      'has a layer with another digest',
      async () => {
        const files = await oci();
        return changed(files, layerOf(files), (text) => `${text.slice(0, -1)}!`);
      },
      'broken',
      /does not match its digest/,
    ],
    [
      'of docker save promises another layer than it has',
      async () => {
        const files = await docker();
        return changed(files, layerOf(files), (text) => text.replace('zzzz', 'zzzy'));
      },
      'broken',
      /does not match its digest/,
    ],
    [
      'of docker save names a file that it lacks',
      async () => changed(await docker(), 'manifest.json', (text) => text.replace('"Layers":["', '$&../')),
      'broken',
      /incomplete: it lacks "\.\.\//,
    ],
    [
      'of docker save has more layers than its configuration',
      async () =>
        changed(await docker(), 'manifest.json', (text) => text.replace(/"Layers":\["[^"]*",/, '"Layers":[')),
      'broken',
      /3 layers, its configuration promises 4/,
    ],
    [
      'of docker save has an absurd number of layers',
      async () =>
        changed(await docker(), 'manifest.json', (text) =>
          text.replace(/"Layers":\[.*?\]/, () => `"Layers":${JSON.stringify(Array(600).fill('x'))}`),
        ),
      'broken',
      /Layers: Too big/,
    ],
    [
      'unpacks to more than is taken',
      async () => gzipSync(Buffer.concat([tarBytes([{ name: 'x', content: Buffer.alloc(9 << 20) }])])),
      'limit',
      /more than 8388608 bytes, decompressed/,
    ],
  ])('%s: it is refused and nothing is left', async (_, make, kind, message) => {
    const { bytes, cacheDir } = openStore({ limits: { maxStoredBytes: 8 << 20 } });
    const refusal = { kind, message: expect.stringMatching(message) };
    await expect(bytes(await make())).rejects.toMatchObject(refusal);
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('has another digest than the request: it is refused and nothing is left', async () => {
    const { bytes, cacheDir } = openStore();
    const refused = bytes(tarBytes(entriesOf(await oci())), { digest: evil });
    await expect(refused).rejects.toMatchObject({ kind: 'invalid', message: expect.stringContaining(evil) });
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('any change of any byte is an image error or changes nothing that counts', async () => {
    const { directory, digest } = await makeLayout();
    const good = await readFile(await skopeo(directory, 'oci-archive', 'v1'));
    for (let at = 0; at < good.length; at += Math.ceil(good.length / 40)) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 0x41;
      const { bytes } = openStore();
      const outcome = await bytes(bad).catch((error: unknown) => error);
      expect(outcome).toMatchObject(outcome instanceof Error ? { name: 'ImageError' } : { digest });
    }
  });
});

describe('an import that ends early', () => {
  test('leaves nothing when it is given up while packing', async () => {
    const { directory } = await makeLayout();
    const { store, cacheDir } = openStore();
    const controller = new AbortController();
    const checked = checkImport({ name: '', digest: '', overwriteCache: false });
    const archive = createReadStream(await skopeo(directory, 'oci-archive', 'v1'));
    const importing = store.importArchive(checked, archive, {
      signal: controller.signal,
      onProgress: ({ phase }) => phase === 'pack' && controller.abort(new Error('given up')),
    });
    await expect(importing).rejects.toThrow('given up');
    expect(await readdir(cacheDir)).toEqual([]);
  });

  test('leaves nothing that counts when the process is killed', async () => {
    const cacheDir = fresh();
    const fixture = new URL('../test/endless-import.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, [fixture, cacheDir], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      expect(await readdir(cacheDir)).toEqual([expect.stringMatching(/^staging-/)]);
    } finally {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect(await createImageStore({ cacheDir }).list()).toEqual([]);
    expect(await readdir(cacheDir)).toEqual([]);
  });
});
