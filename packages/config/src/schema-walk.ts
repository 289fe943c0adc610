import { z } from 'zod';
import { type KeyNotes, keyNotes } from './schema/key-notes.ts';

/** Where something stands in a document: keys of tables and indices of arrays. */
export type KeyPath = readonly (string | number)[];

/** The schema without the default around it. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  const isWrapper =
    schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional;
  return isWrapper ? unwrapped(schema.unwrap()) : schema;
}

/** The schema of what stands under `key`, which may be written with underscores; undefined for unknown keys. */
export function schemaUnder(
  parent: z.core.$ZodType,
  key: string | number,
): { readonly key: string | number; readonly schema: z.core.$ZodType } | undefined {
  const plain = unwrapped(parent);
  if (plain instanceof z.ZodArray) return { key, schema: plain.element };
  // Names that the user chose stay as they are.
  if (plain instanceof z.ZodRecord) return { key, schema: plain.valueType };
  if (!(plain instanceof z.ZodObject)) return undefined;
  const known = [String(key), String(key).replaceAll('_', '-')].find((name) =>
    Object.hasOwn(plain.shape, name),
  );
  const schema: z.core.$ZodType | undefined = known === undefined ? undefined : plain.shape[known];
  return known === undefined || schema === undefined ? undefined : { key: known, schema };
}

/** The path as the schema spells it; what lies below an unknown key stays as it is. */
export function canonicalPath(root: z.core.$ZodType, path: KeyPath): KeyPath {
  let schema: z.core.$ZodType | undefined = root;
  return path.map((key) => {
    const found = schema === undefined ? undefined : schemaUnder(schema, key);
    schema = found?.schema;
    return found?.key ?? key;
  });
}

/** What is noted of the key at `path`. */
export function notesAt(root: z.core.$ZodType, path: KeyPath): KeyNotes | undefined {
  const schema = schemaAt(root, path);
  return schema === undefined ? undefined : keyNotes.get(schema);
}

/** Keys that the table at `path` may have; empty where the user chooses them. */
export function knownKeys(root: z.core.$ZodType, path: KeyPath): readonly string[] {
  const schema = schemaAt(root, path);
  const plain = schema === undefined ? undefined : unwrapped(schema);
  return plain instanceof z.ZodObject ? Object.keys(plain.shape) : [];
}

/** The rule for the names that the user chooses in the table at `path`; undefined where none is noted. */
export function nameRuleAt(root: z.core.$ZodType, path: KeyPath): string | undefined {
  const schema = schemaAt(root, path);
  const plain = schema === undefined ? undefined : unwrapped(schema);
  return plain instanceof z.ZodRecord ? keyNotes.get(plain.keyType)?.allowed : undefined;
}

function schemaAt(root: z.core.$ZodType, path: KeyPath): z.core.$ZodType | undefined {
  return path.reduce<z.core.$ZodType | undefined>(
    (schema, key) => (schema === undefined ? undefined : schemaUnder(schema, key)?.schema),
    root,
  );
}
