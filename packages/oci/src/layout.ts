import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Descriptor, digestOf } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import type { ImageSource } from './image-source.ts';
import { choosePlatform, type Index, maxManifestBytes, parseIndex } from './manifest.ts';
import { readHandle } from './read-chunks.ts';

const markerSchema = z.object({ imageLayoutVersion: z.literal('1.0.0') });

/** Annotation by which an OCI layout names its images. */
export const layoutRefName = 'org.opencontainers.image.ref.name';

/**
 * The image `tag` of an OCI layout folder; without a tag `latest`, or the only image there is. Nothing is read yet.
 * Symbolic links below the folder are not followed.
 */
export function openLayout(directory: string, tag?: string): ImageSource {
  const name = tag === undefined ? directory : `${directory}:${tag}`;
  const blobPath = ({ digest }: Descriptor) =>
    join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
  return {
    name,
    async root() {
      const marker = await readSmall(join(directory, 'oci-layout'), 'the folder is no OCI layout');
      checkLayoutMarker(marker, join(directory, 'oci-layout'));
      const indexPath = join(directory, 'index.json');
      const index = parseIndex(await readSmall(indexPath, 'the OCI layout is incomplete'), indexPath);
      const descriptor = chooseTag(index, tag, directory);
      const path = blobPath(descriptor);
      const bytes = await readSmall(path, `${indexPath} names it`);
      if (digestOf(bytes) !== descriptor.digest) {
        throw new ImageError('broken', `${path} does not match its name: its digest is ${digestOf(bytes)}`);
      }
      return { bytes, digest: descriptor.digest };
    },
    manifest: async (descriptor) => readBlob(blobPath(descriptor), descriptor),
    blob: async (descriptor) => readBlob(blobPath(descriptor), descriptor),
  };
}

/** Checks the contents of the file `oci-layout`; `path` is what errors call it. */
export function checkLayoutMarker(bytes: Buffer, path: string): void {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new ImageError('broken', `${path} is not JSON`, { cause });
  }
  if (!markerSchema.safeParse(value).success) {
    throw new ImageError('unsupported', `${path} does not name OCI layout version 1.0.0`);
  }
}

function chooseTag(index: Index, tag: string | undefined, directory: string): Descriptor {
  const named = (wanted: string) =>
    index.manifests.filter(({ annotations }) => annotations?.[layoutRefName] === wanted);
  const matches = named(tag ?? 'latest');
  const candidates = matches.length === 0 && tag === undefined ? index.manifests : matches;
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) return only;
  if (only === undefined) {
    const tags = index.manifests.flatMap(({ annotations }) => annotations?.[layoutRefName] ?? []);
    const has = tags.length === 0 ? 'no tags' : `the tags ${tags.slice(0, 20).join(', ')}`;
    throw new ImageError('not-found', `${directory} has no image ${tag ?? ''}; its index.json has ${has}`);
  }
  return choosePlatform({ schemaVersion: 2, manifests: candidates }, directory);
}

/** Opens the blob when its first byte is asked for. */
async function* readBlob(path: string, descriptor: Descriptor): AsyncGenerator<Uint8Array> {
  await using file = await openFile(path, `blob ${descriptor.digest} is named by a manifest`);
  const { size } = await file.stat();
  if (size !== descriptor.size) {
    throw new ImageError('broken', `${path} has ${size} bytes, its descriptor promises ${descriptor.size}`);
  }
  yield* readHandle(file);
}

async function readSmall(path: string, because: string): Promise<Buffer> {
  await using file = await openFile(path, because);
  const { size } = await file.stat();
  if (size > maxManifestBytes) {
    throw new ImageError('limit', `${path} has ${size} bytes; at most ${maxManifestBytes} are read`);
  }
  return await file.readFile();
}

/** Opens a plain file; a device or pipe under that name would block or never end. */
async function openFile(path: string, because: string) {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((cause: NodeJS.ErrnoException) => {
    const missing = cause.code === 'ENOENT' || cause.code === 'ENOTDIR';
    if (missing) throw new ImageError('not-found', `${path} does not exist (${because})`, { cause });
    throw new ImageError('broken', `${path} cannot be read: ${cause.message} (${because})`, { cause });
  });
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new ImageError('broken', `${path} is no plain file (${because})`);
}
