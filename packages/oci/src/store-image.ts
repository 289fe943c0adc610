import { rm } from 'node:fs/promises';
import type { ImageLimits } from './assemble.ts';
import { assembleOnThread } from './assemble-thread.ts';
import type { ImageCache } from './image-cache.ts';
import { ImageError } from './image-error.ts';
import type { PackedFormat } from './image-format.ts';
import { type resolveManifest, withConfig } from './image-source.ts';
import type { SourceLocation } from './open-source.ts';
import type { OnProgress } from './pull-progress.ts';
import type { RegistryOptions } from './registry.ts';

/** What an image store is made of. */
export interface StoreParts {
  readonly cache: ImageCache;
  readonly limits: ImageLimits;
  readonly logger: { info(fields: object, message: string): void } | undefined;
}

/** An image whose manifest is known, and where the rest of it comes from. */
export interface ImageToStore {
  readonly resolved: Awaited<ReturnType<typeof resolveManifest>>;
  readonly source: { readonly location: SourceLocation; readonly access: RegistryOptions };
  readonly format: PackedFormat;
}

/** Packs an image and takes it into the cache, in place of the same one. Nothing is left when it fails. */
export async function storeImage(
  { cache, limits, logger }: StoreParts,
  { resolved, source, format }: ImageToStore,
  { onProgress, signal }: { onProgress: OnProgress; signal: AbortSignal },
): Promise<void> {
  onProgress({ phase: 'config-download', layers: [] });
  const { digest } = resolved;
  const { configBytes, manifestBytes } = await withConfig(resolved, signal);
  const staging = await cache.stage();
  try {
    const job = { ...source, digest, manifestBytes, configBytes, format, directory: staging, limits };
    const { sizeBytes, accounts } = await assembleOnThread(job, { onProgress, signal });
    await cache.commit(staging, { digest, format, manifest: manifestBytes, config: configBytes, accounts });
    logger?.info({ image: resolved.source.name, digest, format, sizeBytes }, 'packed an image');
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

/** Somebody removed the image just after it was stored. */
export function removedMeanwhile(name: string): ImageError {
  return new ImageError('unavailable', `${name} was removed while it was fetched; fetch it again`);
}
