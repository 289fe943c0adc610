import { Code, ConnectError } from '@connectrpc/connect';
import type { ImageStore } from '@protect/oci/pull';
import { decodeDigest } from '../control/decode-digest.ts';
import type { ImageSpec } from '../state/image-spec.ts';
import type { ImageLookup } from '../workloads/deps.ts';

/** Images that a zone can mount, by digest. */
export function createImageLookup(store: Pick<ImageStore, 'get'>): ImageLookup {
  return {
    async find({ digest, format }: ImageSpec) {
      decodeDigest(digest);
      if (format === 'tar' || format === 'directory') {
        const text = `an image packed as ${format} cannot be run; pull it as squashfs`;
        throw new ConnectError(text, Code.InvalidArgument);
      }
      const image = await store.get(digest, format === 'unknown' ? 'squashfs' : format);
      if (image !== undefined) return image;
      throw new ConnectError(`there is no image ${digest} (${format}); pull it first`, Code.NotFound);
    },
  };
}
