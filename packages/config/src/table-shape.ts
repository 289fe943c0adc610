import { z } from 'zod';
import { unwrapped } from './schema-walk.ts';

/** What may stand under a key. */
export type Shape =
  | { readonly kind: 'value' }
  /** A table with known keys. */
  | { readonly kind: 'table'; readonly keys: Readonly<Record<string, z.core.$ZodType>> }
  /** A table whose keys the user chooses, of values or of tables. */
  | { readonly kind: 'named'; readonly entry: z.core.$ZodType };

/** The shape that a schema describes, whatever its default. */
export function shapeOf(schema: z.core.$ZodType): Shape {
  const plain = unwrapped(schema);
  if (plain instanceof z.ZodObject) return { kind: 'table', keys: plain.shape };
  if (plain instanceof z.ZodRecord) return { kind: 'named', entry: plain.valueType };
  return { kind: 'value' };
}
