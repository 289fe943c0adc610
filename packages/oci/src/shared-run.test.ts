import { describe, expect, test } from 'vitest';
import { SharedRuns } from './shared-run.ts';

const never = new AbortController().signal;
const ignore = () => undefined;

describe('shared runs', () => {
  test('callers of one key share one run, its result and its reports', async () => {
    const runs = new SharedRuns<string, number>();
    const gate = Promise.withResolvers<void>();
    let started = 0;
    const work = async (_signal: AbortSignal, report: (value: number) => void) => {
      started++;
      report(1);
      await gate.promise;
      report(2);
      return 'done';
    };
    const reports: number[][] = [[], []];
    const first = runs.join('key', work, { signal: never, onReport: (value) => reports[0]?.push(value) });
    await Promise.resolve();
    const second = runs.join('key', work, { signal: never, onReport: (value) => reports[1]?.push(value) });
    gate.resolve();
    expect(await Promise.all([first, second])).toEqual(['done', 'done']);
    expect(started).toBe(1);
    expect(reports).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  test('one caller that gives up leaves the others their run; the last one ends it', async () => {
    const runs = new SharedRuns<never, never>();
    const ended = Promise.withResolvers<void>();
    const work = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => {
          ended.resolve();
          reject(signal.reason);
        });
      });
    const [one, two] = [new AbortController(), new AbortController()];
    const first = runs.join('key', work, { signal: one.signal, onReport: ignore });
    const second = runs.join('key', work, { signal: two.signal, onReport: ignore });
    one.abort(new Error('first gave up'));
    await expect(first).rejects.toThrow('first gave up');
    two.abort(new Error('second gave up'));
    await expect(second).rejects.toThrow('second gave up');
    await ended.promise;
  });

  test('a failed run is not kept', async () => {
    const runs = new SharedRuns<string, never>();
    const options = { signal: never, onReport: ignore };
    await expect(runs.join('key', async () => Promise.reject(new Error('no')), options)).rejects.toThrow(
      'no',
    );
    await expect(runs.join('key', async () => 'yes', options)).resolves.toBe('yes');
  });
});
