import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { decompress, withDiffId } from './decompress.ts';
import { verified } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import type { PackedFormat } from './image-format.ts';
import type { ResolvedImage } from './image-source.ts';
import { type DirectoryNode, type LayerHeaders, lookUp, mergeLayers } from './image-tree.ts';
import { type Capture, mergedTar } from './merged-tar.ts';
import { pack } from './pack.ts';
import { type LayerTracker, type OnProgress, trackLayers } from './pull-progress.ts';
import { readChunks } from './read-chunks.ts';
import type { TarHeader } from './tar-header.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

/** Bounds on one image. */
export interface ImageLimits {
  /** Compressed bytes of all layers. */
  readonly maxStoredBytes: number;
  /** Uncompressed bytes of one layer. */
  readonly maxLayerBytes: number;
  /** Entries of all layers. */
  readonly maxEntries: number;
}

export const defaultImageLimits: ImageLimits = {
  maxStoredBytes: 64 * 2 ** 30,
  maxLayerBytes: 128 * 2 ** 30,
  maxEntries: 2_000_000,
};

/** The image's account files, to find users by name; absent when missing or larger than a bound. */
export interface Accounts {
  readonly passwd?: string;
  readonly group?: string;
}

/** Layers fetched at once; more gain little on one connection's bandwidth. */
const parallelLayers = 3;

/** Bound on an account file that is kept. */
const maxAccountsBytes = 1 << 20;

/**
 * Fetches an image's layers, merges them and writes the result as `format` into `directory`, which must be empty.
 * Every byte is checked against the digests of the manifest and the configuration before it counts.
 */
export async function assembleImage(
  image: ResolvedImage,
  format: PackedFormat,
  directory: string,
  { limits, onProgress, signal }: { limits: ImageLimits; onProgress: OnProgress; signal: AbortSignal },
): Promise<{ sizeBytes: number; accounts: Accounts }> {
  const { layers } = image.manifest;
  const stored = layers.reduce((sum, { size }) => sum + size, 0);
  if (stored > limits.maxStoredBytes) {
    throw new ImageError(
      'limit',
      `${image.source.name} has ${stored} bytes of layers; at most ${limits.maxStoredBytes}`,
    );
  }
  const blobs = join(directory, 'blobs');
  await mkdir(blobs);
  const tracker = trackLayers(layers, onProgress);
  tracker.enter('layer-download');
  const fetched = await fetchLayers({ image, blobs, limits, tracker, signal });
  tracker.enter('assemble');
  const root = mergeLayers(fetched.map(({ name, headers }) => ({ name, headers })));
  const accounts: { passwd?: string; group?: string } = {};
  const captures = [
    ...capture(root, 'etc/passwd', (text) => (accounts.passwd = text)),
    ...capture(root, 'etc/group', (text) => (accounts.group = text)),
  ];
  const readLayer = (index: number) => countedEntries(fetched, index, tracker);
  tracker.enter('pack');
  const tar = mergedTar(root, layers.length, readLayer, captures);
  const sizeBytes = await pack(tar, root.attributes, format, directory, signal);
  await rm(blobs, { recursive: true });
  return { sizeBytes, accounts };
}

interface FetchedLayer extends LayerHeaders {
  readonly size: number;
  /** The checked blob again, uncompressed. */
  readonly open: () => AsyncIterable<Uint8Array>;
}

interface FetchContext {
  readonly image: ResolvedImage;
  readonly blobs: string;
  readonly limits: ImageLimits;
  readonly tracker: LayerTracker;
  readonly signal: AbortSignal;
}

/** Fetches all layers, a few at once; the first failure ends the others. */
async function fetchLayers(context: FetchContext): Promise<FetchedLayer[]> {
  const { layers } = context.image.manifest;
  const fetched: FetchedLayer[] = [];
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const entries = { left: context.limits.maxEntries };
  let next = 0;
  const work = async () => {
    for (let index = next++; index < layers.length; index = next++) {
      fetched[index] = await fetchLayer({ ...context, signal }, index, entries);
    }
  };
  const workers = Array.from({ length: parallelLayers }, async () => {
    try {
      await work();
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  });
  const results = await Promise.allSettled(workers);
  context.signal.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return fetched;
}

async function fetchLayer(
  context: FetchContext,
  index: number,
  entries: { left: number },
): Promise<FetchedLayer> {
  const { image, tracker, signal, limits } = context;
  const layer = image.manifest.layers[index];
  const diffId = image.diffIds[index];
  if (layer === undefined || diffId === undefined) throw new RangeError(`no layer ${index}`);
  const name = `layer ${layer.digest} of ${image.source.name}`;
  const path = join(context.blobs, `${index}`);
  let bytes = 0;
  tracker.layer(index, 'downloading', 0);
  const counted = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      bytes += chunk.length;
      tracker.layer(index, 'downloading', bytes);
      yield chunk;
    }
  };
  const fetch = async function* () {
    yield* await image.source.blob(layer, signal);
  };
  const blob = Readable.from(counted(verified(fetch(), layer, name)), { objectMode: false });
  const keep = image.source.rereadable !== true;
  await pipeline(blob, keep ? createWriteStream(path) : drain, { signal });
  tracker.layer(index, 'downloaded', layer.size);
  const open = () => decompress(keep ? readChunks(path) : fetch(), name);
  const checked = withDiffId(open(), diffId, limits.maxLayerBytes, name);
  return { name, size: layer.size, open, headers: await readHeaders(checked, name, entries, limits) };
}

/** Reads everything and keeps nothing: the checks on the way are what counts. */
async function drain(source: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of source);
}

async function readHeaders(
  layer: AsyncIterable<Uint8Array>,
  name: string,
  entries: { left: number },
  limits: ImageLimits,
): Promise<TarHeader[]> {
  const headers: TarHeader[] = [];
  for await (const { header } of readTar(layer, name)) {
    if (--entries.left < 0)
      throw new ImageError('limit', `${name} brings the image over ${limits.maxEntries} entries`);
    headers.push(header);
  }
  return headers;
}

async function* countedEntries(
  fetched: readonly FetchedLayer[],
  index: number,
  tracker: LayerTracker,
): AsyncGenerator<TarEntry> {
  const layer = fetched[index];
  if (layer === undefined) throw new RangeError(`no layer ${index}`);
  let entries = 0;
  tracker.layer(index, 'extracting', 0);
  for await (const entry of readTar(layer.open(), layer.name)) {
    entries++;
    tracker.layer(index, 'extracting', Math.floor((layer.size * entries) / (layer.headers.length + 1)));
    yield entry;
  }
  tracker.layer(index, 'extracted', layer.size);
}

function capture(root: DirectoryNode, path: string, take: (text: string) => void): Capture[] {
  const node = lookUp(root, path);
  if (node?.type !== 'leaf' || node.header.type !== 'file') return [];
  return [{ node, maxBytes: maxAccountsBytes, take: (content) => take(content.toString('utf8')) }];
}
