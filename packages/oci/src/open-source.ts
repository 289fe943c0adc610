import type { ImageSource } from './image-source.ts';
import { openLayout } from './layout.ts';
import type { ImageReference } from './reference.ts';
import { openRegistry, type RegistryOptions } from './registry.ts';

/** The source that a reference points to; nothing is read yet. */
export function openSource(reference: ImageReference, access: RegistryOptions = {}): ImageSource {
  return reference.kind === 'layout'
    ? openLayout(reference.directory, reference.tag)
    : openRegistry(reference, access);
}
