import type { FieldViolation } from './invalid-argument.ts';
import { annotationBytesMax, annotationsMax, nameBytesMax } from './limits.ts';

/** What is wrong with the name of a zone or workload: it has to fit on one line. */
export function nameViolations(name: string): FieldViolation[] {
  const field = 'spec.name';
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) {
    return [{ field, description: `name ${JSON.stringify(name)} has control characters; leave them out` }];
  }
  const bytes = Buffer.byteLength(name);
  if (bytes <= nameBytesMax) return [];
  return [{ field, description: `name has ${bytes} bytes; at most ${nameBytesMax} are taken` }];
}

/** What is wrong with the annotations of a zone or workload. */
export function annotationViolations(
  annotations: readonly { readonly key: string; readonly value: string }[],
): FieldViolation[] {
  const field = 'spec.annotations';
  if (annotations.length > annotationsMax) {
    const description = `${annotations.length} annotations; at most ${annotationsMax} are taken`;
    return [{ field, description }];
  }
  const bytes = annotations.reduce(
    (sum, { key, value }) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  if (bytes <= annotationBytesMax) return [];
  return [{ field, description: `annotations of ${bytes} bytes; at most ${annotationBytesMax} are taken` }];
}
