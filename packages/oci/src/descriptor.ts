import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ImageError } from './image-error.ts';

/** `sha256:` and 64 lower-case hexadecimal digits: safe as part of a path. */
export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'is no sha256 digest');

/** Names a blob by digest and says what it is and how long. */
export const descriptorSchema = z.object({
  mediaType: z.string(),
  digest: digestSchema,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).optional(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().optional() }).optional(),
});

export type Descriptor = z.infer<typeof descriptorSchema>;

/** `sha256:…` of some bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Passes `source` on and, at its end, throws unless it had the size and digest that `descriptor` promises; stops at
 * the first byte too many. `name` says in errors which file or address it came from.
 */
export async function* verified(
  source: AsyncIterable<Uint8Array>,
  descriptor: Pick<Descriptor, 'digest' | 'size'>,
  name: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > descriptor.size) {
      throw new ImageError(
        'broken',
        `${name} is longer than the ${descriptor.size} bytes its descriptor promises`,
      );
    }
    hash.update(chunk);
    yield chunk;
  }
  if (size < descriptor.size) {
    throw new ImageError('broken', `${name} is cut off: ${size} of ${descriptor.size} bytes`);
  }
  const digest = `sha256:${hash.digest('hex')}`;
  if (digest !== descriptor.digest) {
    throw new ImageError(
      'broken',
      `${name} does not match its digest: it is ${digest}, not ${descriptor.digest}`,
    );
  }
}
