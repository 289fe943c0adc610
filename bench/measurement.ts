import { z } from 'zod';

/** One line of the results. */
const figureSchema = z.object({
  what: z.string(),
  value: z.string(),
  /** What is aimed at, in words; empty without an aim. */
  aim: z.string(),
});

/** What one bench found, with the circumstances that the numbers depend on. */
export const measurementSchema = z.object({
  title: z.string(),
  how: z.string(),
  figures: z.array(figureSchema),
});

export type Measurement = z.infer<typeof measurementSchema>;
export type Figure = z.infer<typeof figureSchema>;

/** The middle one of some measurements. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(2)} ms` : `${value.toFixed(0)} ms`;
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
