import { z } from 'zod';
import { absolutePath, name } from './key-kinds.ts';
import { keyNotes } from './key-notes.ts';

/** The path of a block device, as far as text can tell. */
export const blockDevicePath = absolutePath({
  meaning: 'Absolute path of the block device. It has to exist; each launch formats it anew.',
  allowed: 'the absolute path of a block device such as "/dev/nvme0n1"',
  example: '/dev/nvme0n1',
});

const blockDevice = z
  .strictObject({
    path: blockDevicePath,
  })
  .register(keyNotes, { meaning: 'One block device, under the name that zones ask for.' });

/** `[block]`: what zones may be given of the host's disks. */
export const block = z
  .strictObject({
    devices: z
      .record(name, blockDevice)
      .default({})
      .register(keyNotes, {
        meaning:
          'Block devices that zones may use as scratch disks by name, with protect zone launch --attach-scratch-disk. Ignored for pods.',
        example: { scratch0: { path: '/dev/nvme0n1' } },
      }),
  })
  .prefault({})
  .register(keyNotes, { meaning: 'Block devices for zones.' });
