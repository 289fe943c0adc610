import type { ControlDeps, ControlMethods } from './deps.ts';
import { followProgress } from './follow-progress.ts';
import { toDomainAuth, toDomainFormat } from './image-wire.ts';

/** Pulls an image and tells how far it is. */
export function pullImage({ imageStore }: Pick<ControlDeps, 'imageStore'>): ControlMethods['pullImage'] {
  return async function* (request, { signal }) {
    const format = toDomainFormat(request.format);
    const auth = toDomainAuth(request.auth);
    yield* followProgress(request.wantMetadata, (onProgress) =>
      imageStore.pull({
        reference: request.image,
        ...(format === 'unknown' ? {} : { format }),
        overwriteCache: request.overwriteCache,
        update: request.update,
        ...(auth === undefined ? {} : { auth }),
        onProgress,
        signal,
      }),
    );
  };
}
