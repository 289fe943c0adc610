import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findArchivedImage } from './archived-image.ts';
import { digestSchema } from './descriptor.ts';
import type { PackedImage } from './image-cache.ts';
import { ImageError } from './image-error.ts';
import { checkPackedFormat, type ImageFormat, type PackedFormat } from './image-format.ts';
import { resolveManifest } from './image-source.ts';
import { openSource } from './open-source.ts';
import type { OnProgress } from './pull-progress.ts';
import { formatReference, parseReference } from './reference.ts';
import { spoolArchive } from './spool-archive.ts';
import { removedMeanwhile, type StoreParts, storeImage } from './store-image.ts';

/** Archives taken in at once, each of which may fill the disk up to its limit. */
export const maxImports = 4;

export interface ImportRequest {
  /** Name that the image gets, as one would pull it; empty for none. Tells which is meant when there are several. */
  readonly name: string;
  /** Digest that its manifest must have; empty for whichever it has. */
  readonly digest: string;
  /** Default `squashfs`. */
  readonly format?: ImageFormat;
  /** Pack again even when the image is there. */
  readonly overwriteCache: boolean;
}

/** A request that has been checked. */
export interface CheckedImport {
  readonly name: string | undefined;
  readonly digest: string | undefined;
  readonly format: PackedFormat;
  readonly overwriteCache: boolean;
}

/** Checks what can be checked before the archive is there. Throws `ImageError`. */
export function checkImport(request: ImportRequest): CheckedImport {
  const { overwriteCache } = request;
  const format = checkPackedFormat(request.format ?? 'squashfs');
  const digest = request.digest === '' ? undefined : request.digest;
  if (digest !== undefined && !digestSchema.safeParse(digest).success) {
    const shown = JSON.stringify(digest.slice(0, 80));
    throw new ImageError('invalid', `${shown} is no image digest (sha256: and 64 hexadecimal digits)`);
  }
  if (request.name === '') return { name: undefined, digest, format, overwriteCache };
  const reference = parseReference(request.name);
  if (reference.kind !== 'registry') {
    throw new ImageError('invalid', `${request.name} is a folder; give a name such as team/app:1.2`);
  }
  const promised = reference.digest;
  if (promised !== undefined && digest !== undefined && promised !== digest) {
    throw new ImageError('invalid', `${request.name} contradicts the digest ${digest}`);
  }
  return { name: formatReference(reference), digest: digest ?? promised, format, overwriteCache };
}

export interface ImportWatch {
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

/**
 * Takes in one image of an archive (an OCI layout or `docker save`, plain or compressed with gzip or zstd) that
 * comes as a stream. The archive lies in the cache's folder until the image is packed; its paths never become paths.
 */
export function createArchiveImport(parts: StoreParts) {
  const { cache, limits } = parts;
  let running = 0;

  async function take(request: CheckedImport, archive: AsyncIterable<Uint8Array>, watch: ImportWatch) {
    const { format, overwriteCache } = request;
    const { onProgress, signal } = watch;
    const name = request.name === undefined ? 'the archive' : `the archive of ${request.name}`;
    onProgress({ phase: 'started', layers: [] });
    const directory = await cache.stage();
    try {
      const path = join(directory, 'archive.tar');
      const files = await spoolArchive(archive, { path, name, maxBytes: limits.maxStoredBytes });
      signal.throwIfAborted();
      onProgress({ phase: 'resolving', layers: [] });
      const { digest: wantedDigest, name: wantedName } = request;
      const wanted = {
        ...(wantedDigest === undefined ? {} : { digest: wantedDigest }),
        ...(wantedName === undefined ? {} : { name: wantedName }),
      };
      const location = await findArchivedImage({ name, path, files }, wanted);
      const resolved = await resolveManifest(openSource(location), signal);
      const { digest } = resolved;
      if (wantedDigest !== undefined && wantedDigest !== digest) {
        throw new ImageError('invalid', `${name} has the manifest ${digest}, not ${wantedDigest}`);
      }
      onProgress({ phase: 'resolved', layers: [] });
      if (overwriteCache || (await cache.get(digest, format)) === undefined) {
        await storeImage(parts, { resolved, source: { location, access: {} }, format }, watch);
      }
      return digest;
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }

  /** The image once it is packed. Throws `ImageError`; nothing of the archive is left then. */
  return async function importArchive(
    request: CheckedImport,
    archive: AsyncIterable<Uint8Array>,
    watch: ImportWatch,
  ): Promise<PackedImage> {
    if (running >= maxImports) {
      throw new ImageError('limit', `${maxImports} archives are being imported already; wait for one to end`);
    }
    running++;
    try {
      const digest = await take(request, archive, watch);
      if (request.name !== undefined) await cache.name(request.name, digest);
      const packed = await cache.get(digest, request.format);
      if (packed === undefined) throw removedMeanwhile(request.name ?? digest);
      watch.onProgress({ phase: 'complete', layers: [] });
      return packed;
    } finally {
      running--;
    }
  };
}
