import { type ArchivedImage, openArchivedImage } from './archive-source.ts';
import type { ImageSource } from './image-source.ts';
import { openLayout } from './layout.ts';
import type { ImageReference } from './reference.ts';
import { openRegistry, type RegistryOptions } from './registry.ts';

/** Where an image comes from, as plain data. */
export type SourceLocation = ImageReference | ArchivedImage;

/** The source at a location; nothing is read yet. */
export function openSource(location: SourceLocation, access: RegistryOptions = {}): ImageSource {
  switch (location.kind) {
    case 'layout':
      return openLayout(location.directory, location.tag);
    case 'archive':
      return openArchivedImage(location);
    case 'registry':
      return openRegistry(location, access);
  }
}
