import type { ControlDeps, ControlMethods } from './deps.ts';
import { toWireImageInfo } from './image-wire.ts';
import { inPages } from './pages.ts';

/** All packed images, some in each message; at least one message. */
export function listImages({ imageStore }: Pick<ControlDeps, 'imageStore'>): ControlMethods['listImages'] {
  return async function* () {
    const images = await imageStore.list();
    for (const page of inPages(images)) yield { images: page.map(toWireImageInfo) };
  };
}
