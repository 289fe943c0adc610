import { monitorEventLoopDelay } from 'node:perf_hooks';

const windowMs = 60_000;

/** How late timers fire: the measure of whether something blocks the service. */
export interface EventLoopDelay extends Disposable {
  /** 99th percentile in milliseconds over the last one to two minutes. */
  p99Ms(): number;
}

export function watchEventLoopDelay(): EventLoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: 20 });
  histogram.enable();
  let previous = 0;
  const p99 = () => (histogram.count === 0 ? 0 : histogram.percentile(99) / 1e6);
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
