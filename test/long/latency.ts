/** The middle one of some measurements. */
export function medianOf(values: readonly number[]): number {
  return quantileOf(values, 0.5);
}

/** The value that a share `quantile` of the measurements does not exceed. */
export function quantileOf(values: readonly number[], quantile: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? Number.NaN;
}
