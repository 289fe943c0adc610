import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, readlink, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, createZstdCompress } from 'node:zlib';
import { type Pack, pack } from 'tar-stream';

/** Where the bytes of a file come from. */
export type FileSource = { readonly path: string } | { readonly bytes: Uint8Array };

/** One entry of a layer; `path` is relative to the image's root, without a leading slash. Owner is root unless told. */
export type LayoutEntry = {
  readonly path: string;
  readonly uid?: number;
  readonly gid?: number;
} & (
  | { readonly type: 'directory'; readonly mode?: number }
  | { readonly type: 'file'; readonly mode?: number; readonly source: FileSource }
  | { readonly type: 'symlink' | 'hard-link'; readonly target: string }
);

export type LayerCompression = 'none' | 'gzip' | 'zstd';

export interface LayoutContent {
  /** Value of `org.opencontainers.image.ref.name`. Default `latest`. */
  readonly tag?: string;
  /** Base layer first. */
  readonly layers: readonly (readonly LayoutEntry[])[];
  /** Default `none`. */
  readonly compression?: LayerCompression;
  /** The `config` object of the image configuration: Cmd, Env, User and so on. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface WrittenLayout {
  /** Digest of the image manifest. */
  readonly digest: string;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const mediaTypes: Record<LayerCompression, string> = {
  none: 'application/vnd.oci.image.layer.v1.tar',
  gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
  zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
};

/**
 * Writes an OCI layout folder with one linux/amd64 image. The same content gives the same digest: times are zero
 * and entries keep the given order. An existing folder is replaced only when the new one is complete.
 */
export async function writeLayout(directory: string, content: LayoutContent): Promise<WrittenLayout> {
  const staging = `${directory}.new-${randomUUID()}`;
  const blobs = join(staging, 'blobs', 'sha256');
  await mkdir(blobs, { recursive: true });
  try {
    const compression = content.compression ?? 'none';
    const layers: Descriptor[] = [];
    const diffIds: string[] = [];
    for (const entries of content.layers) {
      const layer = await writeLayer(blobs, entries, compression);
      layers.push(layer.descriptor);
      diffIds.push(layer.diffId);
    }
    const config = await writeJson(blobs, 'application/vnd.oci.image.config.v1+json', {
      architecture: 'amd64',
      os: 'linux',
      config: content.config ?? {},
      rootfs: { type: 'layers', diff_ids: diffIds },
    });
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = await writeJson(blobs, mediaType, { schemaVersion: 2, mediaType, config, layers });
    await writeFile(join(staging, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    const annotations = { 'org.opencontainers.image.ref.name': content.tag ?? 'latest' };
    await writeFile(
      join(staging, 'index.json'),
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        manifests: [{ ...manifest, platform: { architecture: 'amd64', os: 'linux' }, annotations }],
      }),
    );
    await replaceDirectory(staging, directory);
    return { digest: manifest.digest };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Entries for everything below `root`, sorted by path, with its modes; all owned by root. */
export async function entriesOfDirectory(root: string): Promise<LayoutEntry[]> {
  const entries: LayoutEntry[] = [];
  for (const path of await pathsBelow(root, '')) {
    const source = join(root, path);
    const stats = await lstat(source);
    const mode = stats.mode & 0o7777;
    if (stats.isDirectory()) entries.push({ type: 'directory', path, mode });
    else if (stats.isSymbolicLink()) entries.push({ type: 'symlink', path, target: await readlink(source) });
    else if (stats.isFile()) entries.push({ type: 'file', path, mode, source: { path: source } });
    else
      throw new Error(`${source} is neither file, folder nor symbolic link; an image is made of those only`);
  }
  return entries;
}

/** Relative paths of everything below a folder; `readdir` with `recursive` would follow symbolic links. */
async function pathsBelow(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const paths: string[] = [];
  for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    paths.push(path);
    if (entry.isDirectory()) paths.push(...(await pathsBelow(root, path)));
  }
  return paths;
}

async function writeLayer(
  blobs: string,
  entries: readonly LayoutEntry[],
  compression: LayerCompression,
): Promise<{ descriptor: Descriptor; diffId: string }> {
  const staging = join(blobs, `layer-${randomUUID()}`);
  const plain = digesting();
  const stored = digesting();
  const compress =
    compression === 'gzip' ? createGzip() : compression === 'zstd' ? createZstdCompress() : new PassThrough();
  await pipeline(layerTar(entries), plain.stream, compress, stored.stream, createWriteStream(staging));
  const digest = stored.digest();
  await rename(staging, join(blobs, digest.slice('sha256:'.length)));
  return {
    descriptor: { mediaType: mediaTypes[compression], digest, size: stored.size() },
    diffId: plain.digest(),
  };
}

/** The entries as a tar stream; an error of a source destroys the stream with it. */
function layerTar(entries: readonly LayoutEntry[]): Pack {
  const tar = pack();
  const write = async () => {
    for (const entry of entries) await addEntry(tar, entry);
    tar.finalize();
  };
  write().catch((error: unknown) => tar.destroy(error instanceof Error ? error : new Error(String(error))));
  return tar;
}

async function addEntry(tar: Pack, entry: LayoutEntry): Promise<void> {
  const common = { name: entry.path, uid: entry.uid ?? 0, gid: entry.gid ?? 0, mtime: new Date(0) };
  switch (entry.type) {
    case 'directory':
      tar.entry({ ...common, type: 'directory', mode: entry.mode ?? 0o755 });
      return;
    case 'symlink':
      tar.entry({ ...common, type: 'symlink', linkname: entry.target, mode: 0o777 });
      return;
    case 'hard-link':
      tar.entry({ ...common, type: 'link', linkname: entry.target, mode: 0o644 });
      return;
    case 'file': {
      const header = { ...common, type: 'file' as const, mode: entry.mode ?? 0o644 };
      if ('bytes' in entry.source) {
        tar.entry(header, Buffer.from(entry.source.bytes));
        return;
      }
      const { size } = await lstat(entry.source.path);
      const sink = tar.entry({ ...header, size });
      await pipeline(createReadStream(entry.source.path), sink);
    }
  }
}

function digesting() {
  const hash = createHash('sha256');
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, digest: () => `sha256:${hash.digest('hex')}`, size: () => bytes };
}

async function writeJson(blobs: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash('sha256').update(bytes).digest('hex');
  await writeFile(join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

async function replaceDirectory(staging: string, target: string): Promise<void> {
  const old = `${target}.old-${randomUUID()}`;
  const replaced = await rename(target, old).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
  await rename(staging, target);
  if (replaced) await rm(old, { recursive: true });
}
