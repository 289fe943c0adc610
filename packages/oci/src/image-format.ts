import { ImageError } from './image-error.ts';

/** Forms in which an image is kept: a filesystem to attach, or the merged layers as one archive. */
export type ImageFormat = 'squashfs' | 'erofs' | 'tar' | 'directory';

/** The formats that can be made; the others are refused with an error that names these. */
export const packedFormats = ['squashfs', 'tar'] as const;

export type PackedFormat = (typeof packedFormats)[number];

export function isPackedFormat(format: string): format is PackedFormat {
  return format === 'squashfs' || format === 'tar';
}

/** `unsupported`, naming the formats there are. */
export function checkPackedFormat(format: ImageFormat): PackedFormat {
  if (isPackedFormat(format)) return format;
  throw new ImageError(
    'unsupported',
    `images cannot be packed as ${format} yet; use ${packedFormats.join(' or ')}`,
  );
}
