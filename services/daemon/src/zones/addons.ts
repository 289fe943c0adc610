import { invalidField } from '../invalid-argument.ts';
import type { ZoneSpec } from '../state/zone-record.ts';
import type { ImageLookup } from '../workloads/deps.ts';

/** Serial of the disk with a kernel's own modules. */
export const kernelAddonsSerial = 'addons';

/** Serial of the disk with the addon image at this place in the zone's list. */
export function addonSerial(index: number): string {
  return `addon-${index}`;
}

/** A disk with one of a zone's addon images. */
interface AddonDisk {
  readonly serial: string;
  readonly path: string;
}

/** Finds a zone's addon images in the store. NOT_FOUND for one that is not there, INVALID_ARGUMENT for one that is no SquashFS. */
export async function findAddons(images: ImageLookup, addons: ZoneSpec['addons']): Promise<AddonDisk[]> {
  return await Promise.all(
    addons.map(async (addon, index) => {
      if (addon.format === 'erofs') {
        const text = `the addon image ${addon.digest} is packed as erofs; pull it as squashfs`;
        throw invalidField(`spec.addons[${index}].format`, text);
      }
      const { path } = await images.find(addon);
      return { serial: addonSerial(index), path };
    }),
  );
}
