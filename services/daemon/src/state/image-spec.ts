import * as z from 'zod';

/** How an image is packed in the store. */
export const imageFormats = ['unknown', 'squashfs', 'erofs', 'tar', 'directory'] as const;

export type ImageFormat = (typeof imageFormats)[number];

/** An image of the store, named by the digest of its manifest. */
export const imageSpec = z.object({ digest: z.string(), format: z.enum(imageFormats) });

export type ImageSpec = z.infer<typeof imageSpec>;
