import { ImageError } from './image-error.ts';

/** Bound of Linux on a path, in bytes. */
export const maxPathBytes = 4096;

/** Bound of Linux on one name of a path, in bytes. */
const maxNameBytes = 255;

/**
 * The names of a path in a layer, from the root down; empty for the root itself. A leading slash and `.` mean nothing;
 * `..` is refused, since no image tool writes it and its meaning depends on the reader.
 */
export function splitImagePath(path: string, layer: string): readonly string[] {
  if (path.length > maxPathBytes) {
    throw new ImageError(
      'broken',
      `${layer} has a path of ${path.length} bytes; at most ${maxPathBytes} are possible`,
    );
  }
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  for (const name of names) {
    if (name === '..')
      throw new ImageError('broken', `${layer} has the path ${JSON.stringify(path)}, which contains ..`);
    if (name.length > maxNameBytes || name.includes('\0')) {
      throw new ImageError(
        'broken',
        `${layer} has an impossible name in the path ${JSON.stringify(path.slice(0, 300))}`,
      );
    }
  }
  return names;
}
