import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkImport, type ImportRequest } from '../src/import-archive.ts';
import { type LayerCompression, type LayoutEntry, writeLayout } from '../src/layout-writer.ts';
import { createImageStore, type ImageStoreOptions } from '../src/pull.ts';
import { run } from './run.ts';
import { inPieces, type TestEntry } from './tar-bytes.ts';
import { listTree } from './tree-listing.ts';

/** For one import or pull. */
export const signal = () => AbortSignal.timeout(30_000);

const file = (path: string, content: string): LayoutEntry => {
  return { type: 'file', path, mode: 0o755, source: { bytes: Buffer.from(content) } };
};
const layers: LayoutEntry[][] = [
  [{ type: 'directory', path: 'bin' }, file('bin/tool', 'first'), file('gone', 'x'), file('kept', 'y')],
  [file('same', 'in two layers')],
  [file('bin/tool', 'z'.repeat(200_000)), file('.wh.gone', ''), file('kept2', 'y')],
  [file('same', 'in two layers')],
];

/** The files of an archive, to be put together anew. */
export const entriesOf = (files: ReadonlyMap<string, Buffer>): TestEntry[] =>
  [...files].map(([name, content]) => ({ name, content }));

/** Images, archives of them by the tools that people use, and stores that take them; all in folders from `fresh`. */
export function archiveWorkshop(fresh: () => string) {
  async function makeLayout(compression: LayerCompression = 'gzip') {
    const directory = join(fresh(), 'layout');
    const { digest } = await writeLayout(directory, { layers, compression, config: { Cmd: ['/bin/tool'] } });
    return { directory, digest };
  }

  /** A store, and ways to give it archives. */
  function openStore(options: Partial<ImageStoreOptions> = {}) {
    const cacheDir = fresh();
    const store = createImageStore({ cacheDir, ...options });
    const stream = (
      archive: AsyncIterable<Uint8Array>,
      request: Partial<ImportRequest> = {},
      until = signal(),
    ) =>
      store.importArchive(checkImport({ name: '', digest: '', overwriteCache: false, ...request }), archive, {
        onProgress: () => undefined,
        signal: until,
      });
    return {
      store,
      cacheDir,
      stream,
      bytes: (archive: Uint8Array, request: Partial<ImportRequest> = {}) =>
        stream(inPieces(archive), request),
      async path(path: string, request: Partial<ImportRequest> = {}) {
        return await stream(createReadStream(path), request);
      },
    };
  }

  async function treeOf(image: string): Promise<string[]> {
    const target = join(fresh(), 'tree');
    await run('unsquashfs', '-q', '-n', '-d', target, image);
    return await listTree(target);
  }

  async function pulledTree(layout: string): Promise<string[]> {
    const { store } = openStore();
    const { path } = await store.pull({ reference: `oci:${layout}`, signal: signal() });
    return await treeOf(path);
  }

  async function skopeo(layout: string, form: 'oci-archive' | 'docker-archive', tag = 'team/app:v1') {
    const path = join(fresh(), `${form}.tar`);
    await run('skopeo', 'copy', '-q', `oci:${layout}:latest`, `${form}:${path}:${tag}`);
    return path;
  }

  /** The files of an archive that a tool wrote, to be put together anew. */
  async function filesOf(path: string): Promise<Map<string, Buffer>> {
    const folder = fresh();
    await run('tar', '-xf', path, '-C', folder);
    const names = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((e) => e.isFile());
    const read = names.map(async ({ name, parentPath }) => {
      const full = join(parentPath, name);
      return [full.slice(folder.length + 1), await readFile(full)] as const;
    });
    return new Map(await Promise.all(read));
  }

  return { makeLayout, openStore, treeOf, pulledTree, skopeo, filesOf };
}
