import { z } from 'zod';
import { absolutePath, registryHost } from './key-kinds.ts';
import { keyNotes } from './key-notes.ts';

const host = registryHost.clone().register(keyNotes, {
  meaning: 'One registry.',
  allowed: 'a registry host such as "registry.example.com:5000", without scheme and path',
});

const caFileNotes = {
  meaning: 'Certificates that are trusted for it besides those of the host.',
  allowed: 'the absolute path of a PEM file such as "/etc/protect/registry-ca.pem"',
  example: '/etc/protect/registry-ca.pem',
};

const registry = z
  .strictObject({
    mirrors: z.array(host).max(8).default([]).register(keyNotes, {
      meaning:
        'Hosts that are asked for its images first, in this order; then it is asked itself. What they send is checked by digest, but they say what a tag means.',
      allowed: 'an array of up to 8 registry hosts such as ["mirror.example.com:5000"]',
    }),
    'ca-file': absolutePath(caFileNotes).optional().register(keyNotes, caFileNotes),
    'plain-http': z.boolean().optional().register(keyNotes, {
      meaning:
        'Speak HTTP without TLS to it: whoever is on the way sees credentials and decides what tags mean. Without this key that is so for loopback addresses without a ca-file only.',
      allowed: 'true or false',
      example: false,
    }),
  })
  .register(keyNotes, { meaning: 'One registry, under its host as image references name it.' });

/** `[runtime.registries]`: what differs for some registries. */
export const registries = z
  .record(host, registry)
  .default({})
  .register(keyNotes, {
    meaning:
      'Registries that are reached in another way than over TLS with the certificates of the host, by the host (and port) that image references name; Docker Hub is "docker.io". A host that has a table here may be redirected to even where it is loopback or link-local.',
    example: { 'registry.example.com:5000': { mirrors: ['mirror.example.com'] } },
  });
