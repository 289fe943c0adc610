/** How a number of calls went. */
export interface Load {
  readonly perSecond: number;
  readonly p99Ms: number;
}

/** Makes `calls` calls, `atOnce` of them at any time. */
export async function loadOf(call: () => Promise<unknown>, calls: number, atOnce: number): Promise<Load> {
  const took: number[] = [];
  let left = calls;
  const began = performance.now();
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const from = performance.now();
      await call();
      took.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { perSecond: (calls * 1000) / (performance.now() - began), p99Ms: percentile99(took) };
}

/** Makes one call after the other for as long as `work` takes; how long 99 in 100 of them took at most, ms. */
export async function p99During(call: () => Promise<unknown>, work: Promise<unknown>): Promise<number> {
  const took: number[] = [];
  let over = false;
  const done = work.finally(() => {
    over = true;
  });
  while (!over) {
    const from = performance.now();
    await call();
    took.push(performance.now() - from);
  }
  await done;
  return percentile99(took);
}

export function percentile99(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN;
}
