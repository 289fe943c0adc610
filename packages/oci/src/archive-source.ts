import type { Extent } from './archive-index.ts';
import type { Descriptor } from './descriptor.ts';
import { ImageError } from './image-error.ts';
import type { ImageSource } from './image-source.ts';
import { readChunks } from './read-chunks.ts';

/** One image of an archive: plain data, so that a thread can open it again. */
export interface ArchivedImage {
  readonly kind: 'archive';
  /** What errors and logs call it. */
  readonly name: string;
  /** The archive: a plain tar file that nobody changes. */
  readonly path: string;
  /** The manifest or index that the image begins with. */
  readonly root: { readonly bytes: Uint8Array; readonly digest: string };
  /** Where the blobs lie that it may name, by digest; the digests are not yet checked. */
  readonly blobs: ReadonlyMap<string, Extent>;
}

/** The image, read straight from the archive. */
export function openArchivedImage({ name, path, root, blobs }: ArchivedImage): ImageSource {
  const read = async ({ digest, size }: Descriptor) => {
    const extent = blobs.get(digest);
    if (extent === undefined) {
      throw new ImageError('broken', `${name} is incomplete: it lacks ${digest}, which a manifest names`);
    }
    if (extent.size !== size) {
      throw new ImageError('broken', `${name} has ${extent.size} bytes of ${digest}, promised are ${size}`);
    }
    return readChunks(path, { start: extent.offset, length: extent.size });
  };
  return { name, rereadable: true, root: async () => root, manifest: read, blob: read };
}
