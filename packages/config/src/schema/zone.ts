import { z } from 'zod';
import { count, flag, name } from './key-kinds.ts';
import { keyNotes } from './key-notes.ts';

const imageReference = z.string().regex(/^[^\s\p{Cc}]{1,1024}$/u);

/** `[zone]`: defaults of zones. */
export const zone = z
  .strictObject({
    'cache-default-kernel': flag(
      true,
      'Keep the default zone kernel on disk after its first use. With false its image is read anew at every launch.',
    ),
    'cache-default-initrd': flag(true, 'The same for the default initial ramdisk.'),
    'memory-limit-mb': count(
      { fallback: 1024, from: 64, to: 16_777_216, unit: 'MiB' },
      'Memory in MiB of a zone that is launched without a size.',
    ),
    'kernel-variants': z
      .record(
        name,
        imageReference.register(keyNotes, {
          meaning: 'Image of one kernel; pin it by digest to keep it from changing.',
          allowed: 'an OCI image reference such as "ghcr.io/edera-dev/zone-kernel:latest"',
        }),
      )
      .default({})
      .register(keyNotes, {
        meaning: 'Zone kernels that can be asked for by name, with protect zone launch --kernel-variant.',
        example: { nvidia: 'ghcr.io/edera-dev/zone-nvidiagpu-kernel:latest' },
      }),
  })
  .prefault({})
  .register(keyNotes, { meaning: 'Defaults of the zones that the daemon launches.' });
