/** Milliseconds of a processor since its start, by what it was doing. */
export interface CpuTimes {
  readonly cpu: number;
  readonly userMs: number;
  readonly systemMs: number;
  readonly idleMs: number;
  readonly iowaitMs: number;
  readonly stealMs: number;
}

export interface CpuSample {
  /** Of a clock that only goes forward. */
  readonly atMs: number;
  readonly cpus: readonly CpuTimes[];
}

/** Times are counted in steps of 10 ms, so that a shorter time tells little. */
const windowMinMs = 250;

/** How often a look is kept for later ones to compare with. */
const keepEveryMs = 1_000;

/** A look before this tells of another time; Prometheus looks once a minute unless told otherwise. */
const windowMaxMs = 300_000;

/** Milliseconds that a processor ran something. */
export function busyMs({ userMs, systemMs }: CpuTimes): number {
  return userMs + systemMs;
}

/** The part of the time between two looks that each processor was busy, 0 to 100; only those seen both times. */
export function usagePercent(before: CpuSample, after: CpuSample): Map<number, number> {
  const earlier = new Map(before.cpus.map((times) => [times.cpu, times]));
  const usage = new Map<number, number>();
  for (const times of after.cpus) {
    const then = earlier.get(times.cpu);
    if (then === undefined) continue;
    const passed = wholeMs(times) - wholeMs(then);
    if (passed <= 0) continue;
    const busy = ((busyMs(times) - busyMs(then)) / passed) * 100;
    usage.set(times.cpu, Math.min(100, Math.max(0, busy)));
  }
  return usage;
}

/** The looks at one zone that a new one is compared with. Whoever looks how often, they are one or two. */
export class CpuWindow {
  #kept: CpuSample[] = [];

  /** A look old enough to compare one of `nowMs` with, and not too old. */
  before(nowMs: number): CpuSample | undefined {
    const fits = ({ atMs }: CpuSample) => nowMs - atMs >= windowMinMs && nowMs - atMs <= windowMaxMs;
    return this.#kept.findLast(fits);
  }

  add(sample: CpuSample): void {
    const newest = this.#kept.at(-1);
    if (newest !== undefined && sample.atMs - newest.atMs < keepEveryMs) return;
    this.#kept = [...this.#kept.slice(-1), sample];
  }

  /** Milliseconds to wait before a second look is worth comparing. */
  static readonly pauseMs = windowMinMs;
}

function wholeMs(times: CpuTimes): number {
  return busyMs(times) + times.idleMs + times.iowaitMs + times.stealMs;
}
