import { z } from 'zod';

/** What people are told of a key: in the written file, in the documentation and in errors. */
export interface KeyNotes {
  /** What the key does, in whole sentences, with the unit of numbers. */
  readonly meaning: string;
  /** What may stand there, to follow "must be"; tables go without. */
  readonly allowed?: string;
  /** A value that shows the form where there is no default: of the key, or of one entry of a table. */
  readonly example?: unknown;
}

/** The notes of each table and key of a schema. */
export const keyNotes = z.registry<KeyNotes>();
