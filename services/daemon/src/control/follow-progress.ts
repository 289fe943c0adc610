import type { MessageInitShape } from '@bufbuild/protobuf';
import type { PackedImage } from '@protect/oci/image-cache';
import type { OnProgress, PullProgress } from '@protect/oci/pull-progress';
import type { OciImageMetadataSchema, OciImageSpecSchema } from '@protect/proto/control-common';
import { toWireImage, toWireProgress } from './image-wire.ts';

/** A reply on the way to an image, or the last one with the image. */
export interface ImageReply {
  readonly progress: ReturnType<typeof toWireProgress>;
  readonly spec?: MessageInitShape<typeof OciImageSpecSchema>;
  readonly metadata?: MessageInitShape<typeof OciImageMetadataSchema>;
}

/** Replies that tell how far `work` is, then what came of it; only the newest progress waits for a slow reader. */
export async function* followProgress(
  wantMetadata: boolean,
  work: (onProgress: OnProgress) => Promise<PackedImage>,
): AsyncGenerator<ImageReply> {
  let newest: PullProgress | undefined;
  let news = Promise.withResolvers<void>();
  let finished = false;
  const working = work((progress) => {
    newest = progress;
    news.resolve();
  }).finally(() => {
    finished = true;
    news.resolve();
  });
  // Rejections are met by the await below.
  working.catch(() => undefined);
  while (!finished) {
    await news.promise;
    news = Promise.withResolvers();
    if (newest !== undefined && !finished) yield { progress: toWireProgress(newest) };
  }
  const { digest, format, manifest, config } = await working;
  yield {
    progress: toWireProgress({ phase: 'complete', layers: [] }),
    spec: toWireImage({ digest, format }),
    ...(wantMetadata ? { metadata: { manifest, config } } : {}),
  };
}
