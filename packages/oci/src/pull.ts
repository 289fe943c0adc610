import { rm } from 'node:fs/promises';
import { defaultImageLimits, type ImageLimits } from './assemble.ts';
import { assembleOnThread } from './assemble-thread.ts';
import { openImageCache, type PackedImage } from './image-cache.ts';
import { ImageError } from './image-error.ts';
import { type ImageFormat, isPackedFormat, type PackedFormat, packedFormats } from './image-format.ts';
import { resolveManifest, withConfig } from './image-source.ts';
import { openSource } from './open-source.ts';
import type { OnProgress, PullProgress } from './pull-progress.ts';
import { formatReference, type ImageReference, parseReference } from './reference.ts';
import type { RegistryAuth } from './registry-auth.ts';
import { SharedRuns } from './shared-run.ts';

export interface ImageStoreOptions {
  /** Folder of the packed images; made when missing, and owned by this process. */
  readonly cacheDir: string;
  /** Hosts spoken to over plain HTTP besides loopback, such as `registry.lan:5000`. */
  readonly plainHttpHosts?: readonly string[];
  /** Registry asked in place of Docker Hub; images keep their names. */
  readonly dockerHubMirror?: string;
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
  const runs = new SharedRuns<void, PullProgress>();

  /** Finds or makes the packed image of a reference. Throws `ImageError`. */
  async function pull(request: PullOptions): Promise<PackedImage> {
    const { signal, onProgress = () => undefined } = request;
    const reference = parseReference(request.reference);
    const format = checkFormat(request.format ?? 'squashfs');
    const name = formatReference(reference);
    onProgress({ phase: 'started', layers: [] });
    const known = await knownImage(reference, name, format, request);
    if (known !== undefined) {
      onProgress({ phase: 'complete', layers: [] });
      return known;
    }
    onProgress({ phase: 'resolving', layers: [] });
    const access = {
      auth: request.auth,
      plainHttpHosts: options.plainHttpHosts ?? [],
      ...(options.dockerHubMirror === undefined ? {} : { dockerHubMirror: options.dockerHubMirror }),
    };
    const resolved = await resolveManifest(openSource(reference, access), signal);
    onProgress({ phase: 'resolved', layers: [] });
    const { digest } = resolved;
    const assemble = async (shared: AbortSignal, report: OnProgress) => {
      if (!request.overwriteCache && (await cache.get(digest, format)) !== undefined) return;
      report({ phase: 'config-download', layers: [] });
      const { configBytes, manifestBytes } = await withConfig(resolved, shared);
      const staging = await cache.stage();
      try {
        const job = {
          reference,
          access,
          digest,
          manifestBytes,
          configBytes,
          format,
          directory: staging,
          limits,
        };
        const { sizeBytes, accounts } = await assembleOnThread(job, { onProgress: report, signal: shared });
        await cache.commit(staging, {
          digest,
          format,
          manifest: manifestBytes,
          config: configBytes,
          accounts,
        });
        options.logger?.info({ image: name, digest, format, sizeBytes }, 'packed an image');
      } finally {
        await rm(staging, { recursive: true, force: true });
      }
    };
    await runs.join(`${digest} ${format}`, assemble, { signal, onReport: onProgress });
    await cache.name(name, digest);
    const packed = await cache.get(digest, format);
    if (packed === undefined)
      throw new ImageError('unavailable', `${name} was removed while it was pulled; pull it again`);
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

function checkFormat(format: ImageFormat): PackedFormat {
  if (isPackedFormat(format)) return format;
  throw new ImageError(
    'unsupported',
    `images cannot be packed as ${format} yet; use ${packedFormats.join(' or ')}`,
  );
}
