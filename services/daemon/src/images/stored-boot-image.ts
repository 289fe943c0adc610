import type { ImageStore } from '@protect/oci/pull';
import { formatReference, parseReference } from '@protect/oci/reference';
import type { ImageSpec } from '../state/image-spec.ts';

/** A reference under which a stored image can be read again, pinned to its digest where that can be said. */
export async function storedReference(
  store: Pick<ImageStore, 'list'>,
  { digest }: ImageSpec,
): Promise<string | undefined> {
  const image = (await store.list()).find((candidate) => candidate.digest === digest);
  const name = image?.names[0];
  if (name === undefined) return undefined;
  const reference = parseReference(name);
  return formatReference(reference.kind === 'registry' ? { ...reference, digest } : reference);
}
