import { performance } from 'node:perf_hooks';

/** Runs one step of a build and prints its name and how long it took. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  const seconds = ((performance.now() - started) / 1000).toFixed(2);
  process.stdout.write(`  ${name.padEnd(52)} ${seconds.padStart(7)} s\n`);
  return result;
}
