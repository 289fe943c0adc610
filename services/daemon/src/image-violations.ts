import { ImageError } from '@protect/oci/image-error';
import type { FieldViolation } from './invalid-argument.ts';

/** What `check` finds wrong with the value of `field`; nothing when it takes it. */
export function imageViolations(field: string, check: () => unknown): FieldViolation[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof ImageError && error.kind === 'invalid') {
      return [{ field, description: error.message }];
    }
    throw error;
  }
}
