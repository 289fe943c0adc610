import { monitorEventLoopDelay } from 'node:perf_hooks';

const windowMs = 60_000;

/** Coarse, so that an idle service stays idle. */
const resolutionMs = 50;

/** How late timers fire: the measure of whether something blocks the service. */
export interface EventLoopDelay extends Disposable {
  /** 99th percentile in milliseconds over the last one to two minutes. */
  p99Ms(): number;
}

export function watchEventLoopDelay(): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  let previous = 0;
  // The histogram counts the time between two ticks; what is beyond the resolution is delay.
  const p99 = () => (histogram.count === 0 ? 0 : Math.max(0, histogram.percentile(99) / 1e6 - resolutionMs));
  const timer = setInterval(() => {
    previous = p99();
    histogram.reset();
  }, windowMs);
  timer.unref();
  return {
    p99Ms: () => Math.max(previous, p99()),
    [Symbol.dispose]() {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
