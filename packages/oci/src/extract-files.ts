import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompress, withDiffId } from './decompress.ts';
import { verified } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import type { ResolvedImage } from './image-source.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

/** Bound on a layer of an image of which only single files are wanted. */
const maxLayerBytes = 4 * 2 ** 30;

/** The entries of one layer; `name` says in errors which it is. */
export interface LayerEntries {
  readonly name: string;
  readonly entries: AsyncIterable<TarEntry>;
}

/** The layers of an image, base first, fetched and checked one after the other as they are read. */
export async function* fetchedLayers(
  image: ResolvedImage,
  signal: AbortSignal,
): AsyncGenerator<LayerEntries> {
  for (const [index, layer] of image.manifest.layers.entries()) {
    const name = `layer ${layer.digest} of ${image.source.name}`;
    const bytes = verified(await image.source.blob(layer, signal), layer, name);
    const plain = withDiffId(decompress(bytes, name), image.diffIds[index] ?? '', maxLayerBytes, name);
    yield { name, entries: readTar(plain, name) };
  }
}

/**
 * Writes a few files out of layers, each to a name in `directory` that the caller chose, never one from the image.
 * Gives the paths that were there. Only plain files count, and later layers win.
 */
export async function extractFiles<Path extends string>(
  layers: AsyncIterable<LayerEntries>,
  directory: string,
  signal: AbortSignal,
  wanted: Readonly<Record<Path, { readonly file: string; readonly maxBytes: number }>>,
): Promise<ReadonlySet<string>> {
  const targets = new Map<string, { file: string; maxBytes: number }>(Object.entries(wanted));
  const found = new Set<string>();
  for await (const { name, entries } of layers) {
    for await (const { header, content } of entries) {
      signal.throwIfAborted();
      const path = header.name.replace(/^(\.?\/)+/, '');
      const target = targets.get(path);
      const hidden = targets.get(path.replace(/(^|\/)\.wh\.([^/]+)$/, '$1$2'));
      if (target === undefined) {
        if (hidden === undefined) continue;
        await rm(join(directory, hidden.file), { force: true });
        found.delete(path.replace('.wh.', ''));
        continue;
      }
      if (header.type !== 'file') {
        throw new ImageError('broken', `${name} has /${path} as a ${header.type}; a plain file is needed`);
      }
      if (header.size > target.maxBytes) {
        throw new ImageError(
          'limit',
          `/${path} of ${name} has ${header.size} bytes; at most ${target.maxBytes}`,
        );
      }
      await pipeline(Readable.from(content), createWriteStream(join(directory, target.file)), { signal });
      found.add(path);
    }
  }
  return found;
}
