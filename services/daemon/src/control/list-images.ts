import type { PackedImage } from '@protect/oci/image-cache';
import type { ControlDeps, ControlMethods } from './deps.ts';
import { toWireImageInfo } from './image-wire.ts';
import { inPages } from './pages.ts';

/** All packed images, some in each message; at least one message. */
export function listImages({ imageStore }: Pick<ControlDeps, 'imageStore'>): ControlMethods['listImages'] {
  return async function* () {
    const images = await imageStore.list();
    for (const page of inPages(images, imageBytes)) yield { images: page.map(toWireImageInfo) };
  };
}

function imageBytes({ manifest, config }: PackedImage): number {
  return manifest.length + config.length;
}
