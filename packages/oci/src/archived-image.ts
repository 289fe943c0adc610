import type { Archive, WantedImage } from './archive.ts';
import type { ArchivedImage } from './archive-source.ts';
import { dockerImage } from './docker-archive.ts';
import { ImageError } from './image-error.ts';
import { layoutImage } from './layout-archive.ts';

/**
 * Finds the image in an OCI archive or in what `docker save` writes; an archive that is both is taken as the former,
 * whose manifest is the image's own. Throws `ImageError`.
 */
export async function findArchivedImage(archive: Archive, wanted: WantedImage): Promise<ArchivedImage> {
  const { files, name } = archive;
  if (files.has('index.json') && files.has('oci-layout')) return await layoutImage(archive, wanted);
  if (files.has('manifest.json')) return await dockerImage(archive, wanted);
  const found = files.has('index.json') ? 'index.json without oci-layout' : 'neither';
  const text = `${name} is no image: it should have index.json and oci-layout, or manifest.json, and has ${found}`;
  throw new ImageError('broken', text);
}
