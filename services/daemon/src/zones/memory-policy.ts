/** What a zone does with its memory, MiB. */
export interface MemoryUse {
  /** Of what its kernel counts as memory, what it could not do without. */
  readonly usedMib: number;
  /** What its kernel has taken for itself at boot, and does not count. */
  readonly reservedMib: number;
}

/** What the policy looks at; memory in MiB. */
export interface MemoryView extends MemoryUse {
  readonly targetMib: number;
  readonly minMib: number;
  readonly maxMib: number;
}

/** From this share of use on a zone grows. */
const growAt = 0.7;

/** Up to this share of use, of what the kernel counts, a zone shrinks. */
const shrinkAt = 0.1;

/** What a zone that grows has at least beyond its use, MiB. */
const roomMib = 80;

/**
 * The memory that a zone whose policy is dynamic should have now. Nine tenths unused: half of it, unless it would then have
 * to grow. Seven tenths used: twice the use, or the use and 80 MiB where that is more, which is so much that it
 * need not shrink then.
 */
export function nextTargetMib({ usedMib, reservedMib, targetMib, minMib, maxMib }: MemoryView): number {
  const within = (mib: number) => Math.min(maxMib, Math.max(minMib, Math.ceil(mib)));
  const neededMib = usedMib + reservedMib;
  if (neededMib >= targetMib * growAt) return within(Math.max(targetMib, neededMib * 2, neededMib + roomMib));
  const half = within(targetMib / 2);
  const isIdle = usedMib <= (targetMib - reservedMib) * shrinkAt;
  return isIdle && neededMib < half * growAt ? half : within(targetMib);
}

/** The first look comes this long after the start, ms; each one that changes nothing doubles the time to the next. */
export const firstLookMs = 100;

const lastLookMs = 2_000;

/** Milliseconds to the next look, given those before this one. */
export function nextLookMs(beforeMs: number, changed: boolean): number {
  return changed ? firstLookMs : Math.min(beforeMs * 2, lastLookMs);
}
