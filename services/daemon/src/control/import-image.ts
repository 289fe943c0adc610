import { checkImport } from '@protect/oci/import-archive';
import { archiveChunks } from './archive-chunks.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { firstMessage } from './first-message.ts';
import { followProgress } from './follow-progress.ts';
import { toDomainFormat } from './image-wire.ts';

/**
 * Takes an image from an archive that the caller uploads. The first message says what is coming and is answered with
 * `accepted`; it may carry a chunk already. Nothing is kept of an upload that ends before its last chunk.
 */
export function importImage({ imageStore }: Pick<ControlDeps, 'imageStore'>): ControlMethods['importImage'] {
  return async function* (requests, { signal }) {
    const { first, rest } = await firstMessage(requests);
    const format = toDomainFormat(first.format);
    const request = checkImport({
      name: first.image,
      digest: first.digest,
      ...(format === 'unknown' ? {} : { format }),
      overwriteCache: first.overwriteCache,
    });
    yield { accepted: true };
    yield* followProgress(first.wantMetadata, (onProgress) =>
      imageStore.importArchive(request, archiveChunks(first, rest, signal), { onProgress, signal }),
    );
  };
}
