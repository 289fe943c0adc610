import { defaultImageLimits, type ImageLimits } from './assemble.ts';
import { openImageCache, type PackedImage } from './image-cache.ts';
import {
  checkPackedFormat,
  type ImageFormat,
  isPackedFormat,
  type PackedFormat,
  packedFormats,
} from './image-format.ts';
import { resolveManifest } from './image-source.ts';
import { createArchiveImport } from './import-archive.ts';
import { openSource } from './open-source.ts';
import type { OnProgress, PullProgress } from './pull-progress.ts';
import { formatReference, type ImageReference, parseReference } from './reference.ts';
import type { RegistryAccess } from './registry-access.ts';
import type { RegistryAuth } from './registry-auth.ts';
import { SharedRuns } from './shared-run.ts';
import { removedMeanwhile, storeImage } from './store-image.ts';

export interface ImageStoreOptions {
  /** Folder of the packed images; made when missing, and owned by this process. */
  readonly cacheDir: string;
  /** How registries are reached; images keep the names of their references. */
  readonly access?: RegistryAccess;
  readonly limits?: Partial<ImageLimits>;
  /** Receives one line per image packed. */
  readonly logger?: { info(fields: object, message: string): void };
}

export interface PullOptions {
  /** `oci:/folder[:tag]` or a registry reference. */
  readonly reference: string;
  /** Default `squashfs`. */
  readonly format?: ImageFormat;
  /** Pack again even when the image is there. */
  readonly overwriteCache?: boolean;
  /** Ask the registry again what a name means that was pulled before. Layout folders are always asked. */
  readonly update?: boolean;
  readonly auth?: RegistryAuth;
  readonly onProgress?: OnProgress;
  readonly signal: AbortSignal;
}

/** Images packed for zones, kept by digest; pulls of the same image at the same time are one. */
export function createImageStore(options: ImageStoreOptions) {
  const cache = openImageCache(options.cacheDir);
  const limits = { ...defaultImageLimits, ...options.limits };
  const parts = { cache, limits, logger: options.logger };
  const runs = new SharedRuns<void, PullProgress>();

  /** Finds or makes the packed image of a reference. Throws `ImageError`. */
  async function pull(request: PullOptions): Promise<PackedImage> {
    const { signal, onProgress = () => undefined } = request;
    const reference = parseReference(request.reference);
    const format = checkPackedFormat(request.format ?? 'squashfs');
    const name = formatReference(reference);
    onProgress({ phase: 'started', layers: [] });
    const known = await knownImage(reference, name, format, request);
    if (known !== undefined) {
      onProgress({ phase: 'complete', layers: [] });
      return known;
    }
    onProgress({ phase: 'resolving', layers: [] });
    const access = { ...options.access, auth: request.auth };
    const resolved = await resolveManifest(openSource(reference, access), signal);
    onProgress({ phase: 'resolved', layers: [] });
    const { digest } = resolved;
    const assemble = async (shared: AbortSignal, report: OnProgress) => {
      if (!request.overwriteCache && (await cache.get(digest, format)) !== undefined) return;
      const source = { location: reference, access };
      await storeImage(parts, { resolved, source, format }, { onProgress: report, signal: shared });
    };
    await runs.join(`${digest} ${format}`, assemble, { signal, onReport: onProgress });
    await cache.name(name, digest);
    const packed = await cache.get(digest, format);
    if (packed === undefined) throw removedMeanwhile(name);
    onProgress({ phase: 'complete', layers: [] });
    return packed;
  }

  /** What the reference meant at the last pull, when that answers the request. */
  async function knownImage(
    reference: ImageReference,
    name: string,
    format: PackedFormat,
    { overwriteCache, update }: PullOptions,
  ): Promise<PackedImage | undefined> {
    if (reference.kind === 'layout' || overwriteCache === true) return undefined;
    if (update === true && reference.digest === undefined) return undefined;
    const digest = await cache.digestOfName(name);
    return digest === undefined ? undefined : await cache.get(digest, format);
  }

  return {
    pull,

    /** Takes in the image of an archive that is being uploaded. */
    importArchive: createArchiveImport(parts),

    /** Every packed image, by digest. */
    list: () => cache.list(),

    /** The image of a digest in one format; undefined when it was not pulled. */
    get: async (digest: string, format: ImageFormat) =>
      isPackedFormat(format) ? await cache.get(digest, format) : undefined,

    /** Removes an image in one format, or in all; false when there was none. Disks in use keep their open file. */
    remove: async (digest: string, format?: ImageFormat) => {
      if (format === undefined) return await cache.remove(digest, packedFormats);
      return isPackedFormat(format) ? await cache.remove(digest, [format]) : false;
    },
  };
}

export type ImageStore = ReturnType<typeof createImageStore>;
