import type { Extent } from './archive-index.ts';
import { ImageError } from './image-error.ts';
import { maxManifestBytes } from './manifest.ts';
import { readChunks } from './read-chunks.ts';
import { formatReference, parseReference } from './reference.ts';

/** The files of an archive on disk. */
export interface Archive {
  /** What errors and logs call it. */
  readonly name: string;
  readonly path: string;
  readonly files: ReadonlyMap<string, Extent>;
}

/** Which image is meant when an archive has several; neither is needed when it has one. */
export interface WantedImage {
  /** Of its manifest. */
  readonly digest?: string;
  /** Full form of its name. */
  readonly name?: string;
}

/** Where a file that must be there lies. */
export function extentOf({ name, files }: Archive, path: string): Extent {
  const extent = files.get(path);
  if (extent !== undefined) return extent;
  throw new ImageError('broken', `${name} is incomplete: it lacks ${JSON.stringify(path)}`);
}

/** All bytes of a small file of the archive. */
export async function readArchived(archive: Archive, path: string): Promise<Buffer> {
  const extent = extentOf(archive, path);
  if (extent.size > maxManifestBytes) {
    const text = `${path} of ${archive.name} has ${extent.size} bytes; at most ${maxManifestBytes} are read`;
    throw new ImageError('limit', text);
  }
  const parts: Uint8Array[] = [];
  for await (const part of readChunks(archive.path, { start: extent.offset, length: extent.size })) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Whether a name in an archive and the full form of a reference mean the same image. */
export function meansSame(archived: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return false;
  try {
    return formatReference(parseReference(archived)) === wanted;
  } catch (error) {
    if (error instanceof ImageError) return false;
    throw error;
  }
}

/** `invalid`, listing what there is to choose from. */
export function ambiguous({ name }: Archive, names: readonly string[]): ImageError {
  const listed = names.length === 0 ? 'without names' : names.slice(0, 20).join(', ');
  return new ImageError('invalid', `${name} has several images (${listed}); give the name of one of them`);
}
