import { z } from 'zod';
import { type KeyNotes, keyNotes } from './key-notes.ts';

/** What a name that the user chooses may look like; the TOML parser refuses those that reach into objects. */
export const name = z.string().regex(/^(?!constructor$)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);

/** The rule of `name`, to follow "must be". */
export const nameRule =
  'a name of up to 63 letters, digits, ".", "_" and "-" that starts with a letter or digit';

/** An absolute path without detours. */
export function absolutePath(notes: KeyNotes) {
  return z
    .string()
    .max(4096)
    .regex(/^\/[^\p{Cc}]+$/u)
    .refine((path) => !path.split('/').includes('..'), {
      error: 'has a ".." in it; write the path without detours',
    })
    .register(keyNotes, notes);
}

/** A host, with a port when it is not the usual one. */
export const registryHost = z
  .string()
  .max(255)
  .regex(
    /^(localhost|[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(:[0-9]{1,5})?$/i,
  )
  .refine((host) => URL.canParse(`https://${host}/`));

/** A key that is true or false. */
export function flag(fallback: boolean, meaning: string) {
  return z.boolean().default(fallback).register(keyNotes, { meaning, allowed: 'true or false' });
}

/** A key that is a whole number with a default, between two bounds. */
export function count(bounds: { fallback: number; from: number; to: number; unit: string }, meaning: string) {
  const { fallback, from, to, unit } = bounds;
  return z
    .int()
    .min(from)
    .max(to)
    .default(fallback)
    .register(keyNotes, { meaning, allowed: `a whole number from ${from} to ${to} (${unit})` });
}
