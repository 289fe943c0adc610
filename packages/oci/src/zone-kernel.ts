import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { findPayload } from './bz-image.ts';
import { decompress } from './decompress.ts';
import { digestSchema } from './descriptor.ts';
import { extractFiles, fetchedLayers, type LayerEntries } from './extract-files.ts';
import type { PackedImage } from './image-cache.ts';
import { ImageError } from './image-error.ts';
import { type ImageSource, resolveManifest, withConfig } from './image-source.ts';
import { readChunks } from './read-chunks.ts';
import { runSandboxed } from './sandboxed-tool.ts';
import { readTar } from './tar-reader.ts';

/** Longest time that decompressing a kernel may take. */
const decompressTimeoutMs = 60_000;

const stagingPrefix = 'unpacking-';

/** Unpacking takes seconds; a folder older than this belongs to a process that was killed. */
const leftoverAgeMs = 60 * 60_000;

/** Bounds on what is unpacked from a kernel or ramdisk image. */
const maxKernelBytes = 512 << 20;
const maxAddonsBytes = 2 ** 30;
const maxMetadataBytes = 64 << 10;
const maxInitrdBytes = 512 << 20;

/** A boot image pulled before with the format `tar`. */
export type PackedBootImage = Pick<PackedImage, 'digest' | 'format' | 'path'>;

export interface UnpackOptions {
  /** Where the image is read from: a layout or registry, or the image store. */
  readonly image: ImageSource | PackedBootImage;
  /** Folder for unpacked files, by digest; made when missing. */
  readonly cacheDir: string;
  /** Unpack it again even when it was unpacked before. */
  readonly anew?: boolean;
  readonly signal: AbortSignal;
}

export interface UnpackedKernel {
  /** Digest of the image manifest. */
  readonly digest: string;
  /** Uncompressed ELF kernel. */
  readonly kernelPath: string;
  /** SquashFS with `modules/`; undefined when the image has none. */
  readonly addonsPath: string | undefined;
  /** KEY=VALUE lines of /kernel/metadata, such as KERNEL_UNAME_R. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface UnpackedInitrd {
  /** Digest of the image manifest. */
  readonly digest: string;
  /** Uncompressed cpio archive. */
  readonly initrdPath: string;
}

/**
 * Unpacks a zone kernel image (`/kernel/image`, `/kernel/metadata`, `/kernel/addons.squashfs`) for the hypervisor, or
 * finds it unpacked before. Throws `ImageError` when the image is no kernel image.
 */
export async function unpackZoneKernel(options: UnpackOptions): Promise<UnpackedKernel> {
  const { digest, directory } = await unpackOnce(options, 'kernel', async (image, staging) => {
    const files = await extractFiles(image.layers(), staging, options.signal, {
      'kernel/image': { file: 'image', maxBytes: maxKernelBytes },
      'kernel/metadata': { file: 'metadata', maxBytes: maxMetadataBytes },
      'kernel/addons.squashfs': { file: 'addons.squashfs', maxBytes: maxAddonsBytes },
    });
    if (!files.has('kernel/image')) {
      throw new ImageError('invalid', `${image.name} is no kernel image: it has no file /kernel/image`);
    }
    await uncompressKernel(join(staging, 'image'), join(staging, 'vmlinux'), options.signal);
    await rm(join(staging, 'image'), { force: true });
  });
  const addonsPath = join(directory, 'addons.squashfs');
  const metadata = await readFile(join(directory, 'metadata'), 'utf8').catch(absent);
  return {
    digest,
    kernelPath: join(directory, 'vmlinux'),
    addonsPath: (await stat(addonsPath).catch(absent)) === undefined ? undefined : addonsPath,
    metadata: parseKernelMetadata(metadata ?? ''),
  };
}

/** Unpacks a ramdisk image (`/initrd`) for the hypervisor, or finds it unpacked before. */
export async function unpackZoneInitrd(options: UnpackOptions): Promise<UnpackedInitrd> {
  const { digest, directory } = await unpackOnce(options, 'initrd', async (image, staging) => {
    const files = await extractFiles(image.layers(), staging, options.signal, {
      initrd: { file: 'packed', maxBytes: maxInitrdBytes },
    });
    if (!files.has('initrd')) {
      throw new ImageError('invalid', `${image.name} is no ramdisk image: it has no file /initrd`);
    }
    const packed = join(staging, 'packed');
    const plain = bounded(decompress(readChunks(packed), '/initrd'), maxInitrdBytes, '/initrd');
    await pipeline(Readable.from(plain), createWriteStream(join(staging, 'initrd.cpio')), {
      signal: options.signal,
    });
    await rm(packed);
  });
  return { digest, initrdPath: join(directory, 'initrd.cpio') };
}

/** The KEY=VALUE lines of a kernel's metadata; comments and lines without a key are left out. */
export function parseKernelMetadata(text: string): Readonly<Record<string, string>> {
  const pairs = text.split('\n').flatMap((line) => {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*?)\s*$/.exec(line);
    return match?.[1] === undefined ? [] : [[match[1], match[2] ?? ''] as const];
  });
  return Object.fromEntries(pairs);
}

interface BootImage {
  readonly name: string;
  readonly digest: string;
  readonly layers: () => AsyncIterable<LayerEntries>;
}

async function openBootImage(image: ImageSource | PackedBootImage, signal: AbortSignal): Promise<BootImage> {
  if ('root' in image) {
    const resolved = await resolveManifest(image, signal);
    const layers = async function* () {
      yield* fetchedLayers(await withConfig(resolved, signal), signal);
    };
    return { name: image.name, digest: resolved.digest, layers };
  }
  const { digest, format, path } = image;
  if (format !== 'tar') {
    throw new ImageError(
      'invalid',
      `the boot image ${digest} was pulled as ${format}; pull it with the format tar`,
    );
  }
  const layers = async function* () {
    yield { name: path, entries: readTar(readChunks(path), path) };
  };
  return { name: digest, digest, layers };
}

/** Removes what unpacking that was killed left behind, long enough ago to be nobody's work. */
async function removeLeftovers(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(stagingPrefix)) continue;
    const stats = await stat(join(cacheDir, name)).catch(absent);
    const isOld = stats !== undefined && Date.now() - stats.mtimeMs > leftoverAgeMs;
    if (isOld) await rm(join(cacheDir, name), { recursive: true, force: true });
  }
}

/** Runs `unpack` into a fresh folder that becomes the cache entry only when it is complete. */
async function unpackOnce(
  { image, cacheDir, anew = false, signal }: UnpackOptions,
  kind: 'kernel' | 'initrd',
  unpack: (image: BootImage, staging: string) => Promise<void>,
): Promise<{ digest: string; directory: string }> {
  const boot = await openBootImage(image, signal);
  const digest = digestSchema.parse(boot.digest);
  const directory = join(cacheDir, `${kind}-${digest.slice('sha256:'.length)}`);
  const isThere = async () => (await stat(directory).catch(absent)) !== undefined;
  if (!anew && (await isThere())) return { digest, directory };
  await mkdir(cacheDir, { recursive: true, mode: 0o711 });
  await removeLeftovers(cacheDir);
  const staging = await mkdtemp(join(cacheDir, stagingPrefix));
  try {
    await unpack(boot, staging);
    // The hypervisor runs as a user of its own and opens these files by path.
    await chmod(staging, 0o711);
    await rename(staging, directory).catch(async (error: NodeJS.ErrnoException) => {
      // It is there already, or another process has unpacked the same image meanwhile.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
      if (anew) await replaceFiles(staging, directory);
    });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return { digest, directory };
}

/** One by one, so that no file is ever absent: whoever has one open keeps it, and all are of the same digest. */
async function replaceFiles(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) await rename(join(from, name), join(to, name));
}

async function uncompressKernel(image: string, output: string, signal: AbortSignal): Promise<void> {
  await using file = await open(image, 'r');
  const payload = await findPayload(file, '/kernel/image');
  if (payload === undefined) return await rename(image, output);
  const { offset, length } = payload;
  const compressed = readChunks(image, { start: offset, length });
  const sink = createWriteStream(output);
  if (payload.compression === 'lz4') {
    const tool = ['lz4', '-d', '-c', '-q', '-', '-'];
    await runSandboxed(tool, { stdin: compressed, stdout: sink, signal, timeoutMs: decompressTimeoutMs });
  } else {
    const plain = bounded(decompress(compressed, '/kernel/image'), maxKernelBytes, '/kernel/image');
    await pipeline(Readable.from(plain), sink, { signal });
  }
  await using written = await open(output, 'r');
  if ((await findPayload(written, 'the payload of /kernel/image')) !== undefined) {
    throw new ImageError('broken', 'the payload of /kernel/image is no ELF kernel');
  }
}

async function* bounded(source: AsyncIterable<Uint8Array>, maxBytes: number, name: string) {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new ImageError('limit', `${name} unpacks to more than ${maxBytes} bytes`);
    yield chunk;
  }
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT') return undefined;
  throw error;
}
