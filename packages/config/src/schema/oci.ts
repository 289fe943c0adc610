import { z } from 'zod';
import { registryHost } from './key-kinds.ts';
import { keyNotes } from './key-notes.ts';

/** `[oci]`: where images come from. */
export const oci = z
  .strictObject({
    'docker-hub-mirror': registryHost.default('index.docker.io').register(keyNotes, {
      meaning:
        'Registry that is asked in place of Docker Hub for image references without a registry. The images keep their names.',
      allowed:
        'a registry host such as "index.docker.io" or "mirror.example.com:5000", without scheme and path',
    }),
  })
  .prefault({})
  .register(keyNotes, { meaning: 'Where images are pulled from.' });
