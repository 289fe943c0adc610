/** Aim: on a quiet machine all is true this long after a fault. */
const aimMs = 10_000;

/** How long it took until all was true, in a line. */
export function tellRecoveries(recoveriesMs: readonly number[]): string {
  const sorted = recoveriesMs.toSorted((a, b) => a - b);
  const at = (share: number) => ((sorted[Math.floor(share * (sorted.length - 1))] ?? 0) / 1000).toFixed(1);
  const slow = sorted.filter((ms) => ms > aimMs).length;
  return `all true again after ${at(0.5)} s in the median, ${at(1)} s at most, over ${aimMs / 1000} s: ${slow} of ${sorted.length}`;
}
