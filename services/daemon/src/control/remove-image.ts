import { decodeDigest } from './decode-digest.ts';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toDomainFormat } from './image-wire.ts';

/** Removes a packed image, in all formats unless one is given. Zones that have its disk keep it. */
export function removeImage({ imageStore }: Pick<ControlDeps, 'imageStore'>): ControlMethods['removeImage'] {
  return async (request) => {
    const digest = decodeDigest(request.digest);
    const format = toDomainFormat(request.format);
    return { removed: await imageStore.remove(digest, format === 'unknown' ? undefined : format) };
  };
}
