import type { ControlClient } from '../../scripts/stack/control-client.ts';

/** Digests of the images in the cache. */
export async function listImages(client: ControlClient): Promise<string[]> {
  const digests: string[] = [];
  for await (const { images } of client.listImages({})) digests.push(...images.map(({ digest }) => digest));
  return digests;
}
