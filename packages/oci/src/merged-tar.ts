import { ImageError } from './image-error.ts';
import { maxPathBytes } from './image-path.ts';
import type { DirectoryNode, ImageNode, LeafNode } from './image-tree.ts';
import type { TarHeader } from './tar-header.ts';
import type { TarEntry } from './tar-reader.ts';
import { encodeTarHeader, tarEnd, tarPadding } from './tar-writer.ts';

/** Small writes are gathered up to this many bytes. */
const batchBytes = 64 << 10;

/** Reads one layer again, entry by entry, in the order in which its headers were given to `mergeLayers`. */
export type ReadLayer = (layer: number) => AsyncIterable<TarEntry>;

/** A file whose content is wanted besides being written, up to its `maxBytes`. */
export interface Capture {
  readonly node: LeafNode;
  readonly maxBytes: number;
  readonly take: (content: Buffer) => void;
}

/**
 * The merged image as one tar stream: directories from the root down, then links and devices, then the files layer
 * by layer in their stored order, then hard links, whose targets thus always precede them. No entry for the root.
 */
export async function* mergedTar(
  root: DirectoryNode,
  layerCount: number,
  readLayer: ReadLayer,
  captures: readonly Capture[] = [],
): AsyncGenerator<Uint8Array> {
  yield* batched(entries(root, layerCount, readLayer, captures));
}

async function* entries(
  root: DirectoryNode,
  layerCount: number,
  readLayer: ReadLayer,
  captures: readonly Capture[],
): AsyncGenerator<Uint8Array> {
  const firstPaths = new Map<LeafNode, string>();
  const files = Array.from({ length: layerCount }, () => new Map<number, { path: string; node: LeafNode }>());
  const others: { path: string; node: LeafNode }[] = [];
  const hardLinks: { path: string; target: string; node: LeafNode }[] = [];
  for (const { path, node } of walk(root, '')) {
    if (node.type === 'directory') {
      yield encodeTarHeader({ ...noContent, ...node.attributes, name: path, type: 'directory' });
      continue;
    }
    const first = firstPaths.get(node);
    if (node.header.type !== 'file') others.push({ path, node });
    else if (first !== undefined) hardLinks.push({ path, target: first, node });
    else {
      firstPaths.set(node, path);
      files[node.layer]?.set(node.entry, { path, node });
    }
  }
  for (const { path, node } of others) yield encodeTarHeader({ ...node.header, name: path });
  for (const [layer, wanted] of files.entries()) {
    if (wanted.size > 0) yield* filesOfLayer(readLayer(layer), wanted, captures);
  }
  for (const { path, target, node } of hardLinks) {
    yield encodeTarHeader({
      ...node.header,
      type: 'hard-link',
      size: 0,
      xattrs: new Map(),
      name: path,
      linkName: target,
    });
  }
  yield tarEnd;
}

const noContent: Pick<TarHeader, 'size' | 'linkName' | 'deviceMajor' | 'deviceMinor'> = {
  size: 0,
  linkName: '',
  deviceMajor: 0,
  deviceMinor: 0,
};

async function* filesOfLayer(
  layer: AsyncIterable<TarEntry>,
  wanted: ReadonlyMap<number, { path: string; node: LeafNode }>,
  captures: readonly Capture[],
): AsyncGenerator<Uint8Array> {
  let entry = -1;
  for await (const { header, content } of layer) {
    entry++;
    const file = wanted.get(entry);
    if (file === undefined) continue;
    yield encodeTarHeader({ ...header, name: file.path });
    const capture = captures.find(({ node, maxBytes }) => node === file.node && header.size <= maxBytes);
    const kept: Uint8Array[] = [];
    for await (const piece of content) {
      if (capture !== undefined) kept.push(piece);
      yield piece;
    }
    capture?.take(Buffer.concat(kept));
    const padding = tarPadding(header.size);
    if (padding.length > 0) yield padding;
  }
}

/** Depth first, a directory before what is in it, names in byte order; the root itself is left out. */
function* walk(directory: DirectoryNode, prefix: string): Generator<{ path: string; node: ImageNode }> {
  const names = [...directory.children.keys()].sort();
  for (const name of names) {
    const node = directory.children.get(name);
    if (node === undefined) continue;
    const path = prefix === '' ? name : `${prefix}/${name}`;
    // Layers can nest deeper than any one of their paths, by way of symbolic links.
    if (path.length > maxPathBytes) {
      throw new ImageError('broken', `the image has a path of more than ${maxPathBytes} bytes`);
    }
    yield { path, node };
    if (node.type === 'directory') yield* walk(node, path);
  }
}

async function* batched(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of source) {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes < batchBytes) continue;
    yield parts.length === 1 ? chunk : Buffer.concat(parts, bytes);
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield Buffer.concat(parts, bytes);
}
