import { ImageError } from './image-error.ts';
import { splitImagePath } from './image-path.ts';
import type { TarHeader } from './tar-header.ts';

/** What a directory is like; the defaults are those of one that no layer lists. */
export type DirectoryAttributes = Pick<TarHeader, 'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs'>;

export interface DirectoryNode {
  readonly type: 'directory';
  attributes: DirectoryAttributes;
  readonly children: Map<string, ImageNode>;
}

/** Anything but a directory. Hard links are one node under several names. */
export interface LeafNode {
  readonly type: 'leaf';
  readonly header: TarHeader;
  /** Position of its layer, and its position among the layer's entries. */
  readonly layer: number;
  readonly entry: number;
}

export type ImageNode = DirectoryNode | LeafNode;

/** The headers of one layer in their order; `name` says in errors which layer it is. */
export interface LayerHeaders {
  readonly name: string;
  readonly headers: readonly TarHeader[];
}

const implicitDirectory: DirectoryAttributes = { mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: new Map() };

const whiteoutPrefix = '.wh.';
const opaqueMarker = '.wh..wh..opq';

/** As many as Linux follows before ELOOP. */
const maxSymlinks = 40;

/**
 * The filesystem that the layers, base first, add up to: as if each were unpacked over those before it inside a
 * chroot, whiteouts and opaque markers carried out and left out. Nothing is written anywhere.
 */
export function mergeLayers(layers: readonly LayerHeaders[]): DirectoryNode {
  const root = newDirectory();
  for (const [index, layer] of layers.entries()) applyLayer(root, layer, index);
  return root;
}

/** The node at a path, symbolic links followed inside the image; undefined when there is none. */
export function lookUp(root: DirectoryNode, path: string): ImageNode | undefined {
  return resolve(root, path.split('/'), { create: false, followLast: true, name: 'the image' });
}

function applyLayer(root: DirectoryNode, layer: LayerHeaders, index: number): void {
  const entries = layer.headers.map((header) => ({ header, names: splitImagePath(header.name, layer.name) }));
  // A whiteout hides what lower layers have, wherever it stands in its own layer.
  for (const { names } of entries) applyWhiteout(root, names, layer.name);
  for (const [entry, { header, names }] of entries.entries()) {
    if (names.some((name) => name.startsWith(whiteoutPrefix))) continue;
    addEntry(root, names, header, { name: layer.name, index, entry });
  }
}

function applyWhiteout(root: DirectoryNode, names: readonly string[], layer: string): void {
  const last = names.at(-1);
  if (last === undefined || !last.startsWith(whiteoutPrefix)) return;
  const parent = resolve(root, names.slice(0, -1), { create: false, followLast: true, name: layer });
  if (parent?.type !== 'directory') return;
  if (last === opaqueMarker) parent.children.clear();
  else parent.children.delete(last.slice(whiteoutPrefix.length));
}

function addEntry(
  root: DirectoryNode,
  names: readonly string[],
  header: TarHeader,
  at: { name: string; index: number; entry: number },
): void {
  const last = names.at(-1);
  if (last === undefined) {
    if (header.type === 'directory') root.attributes = attributesOf(header);
    return;
  }
  const parent = resolve(root, names.slice(0, -1), { create: true, followLast: true, name: at.name });
  if (parent?.type !== 'directory') throw notDirectory(names.slice(0, -1), at.name);
  const existing = parent.children.get(last);
  if (header.type === 'directory') {
    if (existing?.type === 'directory') existing.attributes = attributesOf(header);
    else parent.children.set(last, newDirectory(attributesOf(header)));
    return;
  }
  if (header.type !== 'hard-link') {
    parent.children.set(last, { type: 'leaf', header, layer: at.index, entry: at.entry });
    return;
  }
  const target = resolve(root, splitImagePath(header.linkName, at.name), {
    create: false,
    followLast: false,
    name: at.name,
  });
  if (target?.type !== 'leaf') {
    const what = target === undefined ? 'does not exist' : 'is a directory';
    const link = `${JSON.stringify(header.name)} to ${JSON.stringify(header.linkName)}`;
    throw new ImageError('broken', `${at.name} has a hard link ${link}, which ${what}`);
  }
  parent.children.set(last, target);
}

interface ResolveOptions {
  /** Make missing directories on the way. */
  readonly create: boolean;
  /** Follow a symbolic link at the very end. */
  readonly followLast: boolean;
  readonly name: string;
}

/** Walks from the root; `..` (out of a symbolic link's target) never leaves it. */
function resolve(
  root: DirectoryNode,
  path: readonly string[],
  options: ResolveOptions,
): ImageNode | undefined {
  const pending = [...path].reverse();
  const trail: DirectoryNode[] = [root];
  let symlinks = 0;
  for (;;) {
    const name = pending.pop();
    const directory = trail.at(-1) ?? root;
    if (name === undefined) return directory;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (trail.length > 1) trail.pop();
      continue;
    }
    let child = directory.children.get(name);
    if (child === undefined) {
      if (!options.create) return undefined;
      child = newDirectory();
      directory.children.set(name, child);
    }
    if (child.type === 'directory') {
      trail.push(child);
      continue;
    }
    const isLast = pending.every((rest) => rest === '' || rest === '.');
    if (child.header.type !== 'symlink' || (isLast && !options.followLast)) {
      if (isLast) return child;
      if (options.create) throw notDirectory(path, options.name);
      return undefined;
    }
    if (++symlinks > maxSymlinks) {
      if (!options.create) return undefined;
      throw new ImageError(
        'broken',
        `${options.name} has a loop of symbolic links in the path ${shown(path)}`,
      );
    }
    const target = child.header.linkName;
    if (target.startsWith('/')) trail.length = 1;
    pending.push(...target.split('/').reverse());
  }
}

function notDirectory(path: readonly string[], layer: string): ImageError {
  return new ImageError('broken', `${layer} puts files below ${shown(path)}, which is not a directory`);
}

function shown(path: readonly string[]): string {
  return JSON.stringify(`/${path.join('/')}`.slice(0, 300));
}

function attributesOf({ mode, uid, gid, mtime, xattrs }: TarHeader): DirectoryAttributes {
  return { mode, uid, gid, mtime, xattrs };
}

function newDirectory(attributes: DirectoryAttributes = implicitDirectory): DirectoryNode {
  return { type: 'directory', attributes, children: new Map() };
}
