/** One line of the results. */
export interface Figure {
  readonly what: string;
  readonly value: string;
  /** What is aimed at, in words; empty without an aim. */
  readonly aim: string;
}

/** What one bench found, with the circumstances that the numbers depend on. */
export interface Measurement {
  readonly title: string;
  readonly how: string;
  readonly figures: readonly Figure[];
}

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
