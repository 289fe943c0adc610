import { type Archive, ambiguous, meansSame, readArchived, type WantedImage } from './archive.ts';
import type { Extent } from './archive-index.ts';
import type { ArchivedImage } from './archive-source.ts';
import { type Descriptor, digestOf } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import { checkLayoutMarker, layoutRefName } from './layout.ts';
import { choosePlatform, parseIndex } from './manifest.ts';

/** Annotation by which containerd and Docker name the images of an index in full. */
const imageName = 'io.containerd.image.name';

const blobPattern = /^blobs\/(sha256)\/([0-9a-f]{64})$/;

/** An image of an OCI archive: the tar of a layout folder. */
export async function layoutImage(archive: Archive, wanted: WantedImage): Promise<ArchivedImage> {
  const { name, path, files } = archive;
  checkLayoutMarker(await readArchived(archive, 'oci-layout'), `oci-layout of ${name}`);
  const index = parseIndex(await readArchived(archive, 'index.json'), `index.json of ${name}`);
  const { digest } = choose(archive, index.manifests, wanted);
  const bytes = await readArchived(archive, `blobs/sha256/${digest.slice('sha256:'.length)}`);
  if (digestOf(bytes) !== digest) {
    throw new ImageError('broken', `${name} has a manifest ${digest} whose digest is ${digestOf(bytes)}`);
  }
  const blobs = new Map<string, Extent>();
  for (const [file, extent] of files) {
    const [, algorithm, hex] = blobPattern.exec(file) ?? [];
    if (hex !== undefined) blobs.set(`${algorithm}:${hex}`, extent);
  }
  return { kind: 'archive', name, path, root: { bytes, digest }, blobs };
}

function choose(archive: Archive, manifests: readonly Descriptor[], wanted: WantedImage): Descriptor {
  const matches = [
    ({ digest }: Descriptor) => digest === wanted.digest,
    ({ annotations }: Descriptor) => meansSame(annotations?.[imageName] ?? '', wanted.name),
    ({ annotations }: Descriptor) => meansSame(annotations?.[layoutRefName] ?? '', wanted.name),
    ({ annotations }: Descriptor) => isTagOf(annotations?.[layoutRefName] ?? '', wanted.name),
    () => true,
  ];
  const candidates = matches.map((match) => manifests.filter(match)).find(({ length }) => length > 0) ?? [];
  const [only, ...others] = candidates;
  if (only !== undefined && others.length === 0) return only;
  const names = candidates.map(
    ({ annotations = {} }) => annotations[imageName] ?? annotations[layoutRefName],
  );
  if (new Set(names).size > 1)
    throw ambiguous(
      archive,
      names.filter((name) => name !== undefined),
    );
  return choosePlatform({ schemaVersion: 2, manifests: candidates }, archive.name);
}

function isTagOf(tag: string, name: string | undefined): boolean {
  return tag !== '' && name !== undefined && name.endsWith(`:${tag}`);
}
