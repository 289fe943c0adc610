import type { PullProgress } from '@protect/oci/pull-progress';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainAuth, toDomainFormat, toWireImage, toWireProgress } from './image-wire.ts';

/** Pulls an image and tells how far it is; only the newest progress waits for a slow reader. */
export function pullImage({ imageStore }: Pick<ControlDeps, 'imageStore'>): ControlMethods['pullImage'] {
  return async function* (request, { signal }) {
    const format = toDomainFormat(request.format);
    const auth = toDomainAuth(request.auth);
    let newest: PullProgress | undefined;
    let news = Promise.withResolvers<void>();
    let finished = false;
    const pulling = imageStore
      .pull({
        reference: request.image,
        ...(format === 'unknown' ? {} : { format }),
        overwriteCache: request.overwriteCache,
        update: request.update,
        ...(auth === undefined ? {} : { auth }),
        onProgress: (progress) => {
          newest = progress;
          news.resolve();
        },
        signal,
      })
      .finally(() => {
        finished = true;
        news.resolve();
      });
    // Rejections are met by the await below.
    pulling.catch(() => undefined);
    while (!finished) {
      await news.promise;
      news = Promise.withResolvers();
      if (newest !== undefined && !finished) yield { progress: toWireProgress(newest) };
    }
    const { digest, format: packed, manifest, config } = await pulling;
    yield {
      progress: toWireProgress({ phase: 'complete', layers: [] }),
      spec: toWireImage({ digest, format: packed }),
      ...(request.wantMetadata ? { metadata: { manifest, config } } : {}),
    };
  };
}
