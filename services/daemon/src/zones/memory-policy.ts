/** What the policy looks at; memory in MiB. */
export interface MemoryView {
  /** Memory that the zone could not do without, its kernel's own included. */
  readonly usedMib: number;
  readonly targetMib: number;
  readonly minMib: number;
  readonly maxMib: number;
}

/** From this share of use on a zone grows. */
const growAt = 0.7;

/** Up to this share of use a zone shrinks. */
const shrinkAt = 0.1;

/** What a zone that grows has at least beyond its use, MiB. */
const roomMib = 80;

/**
 * The memory that a zone whose policy is dynamic should have now. Nine tenths unused: half of it. Seven tenths used: twice
 * the use, or the use and 80 MiB where that is more; so much more than shrinking takes away that what follows one step
 * is never its opposite.
 */
export function nextTargetMib({ usedMib, targetMib, minMib, maxMib }: MemoryView): number {
  const within = (mib: number) => Math.min(maxMib, Math.max(minMib, Math.ceil(mib)));
  if (usedMib >= targetMib * growAt) return within(Math.max(targetMib, usedMib * 2, usedMib + roomMib));
  if (usedMib <= targetMib * shrinkAt) return within(targetMib / 2);
  return within(targetMib);
}

/** The first look comes this long after the start, ms; each one that changes nothing doubles the time to the next. */
export const firstLookMs = 100;

const lastLookMs = 2_000;

/** Milliseconds to the next look, given those before this one. */
export function nextLookMs(beforeMs: number, changed: boolean): number {
  return changed ? firstLookMs : Math.min(beforeMs * 2, lastLookMs);
}
