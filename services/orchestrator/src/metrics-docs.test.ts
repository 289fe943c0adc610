import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readHostUsage } from './host-usage.ts';
import { renderResourceMetrics } from './resource-metrics.ts';
import { createSystemMetrics } from './system-metrics.ts';

/** `a_{b,c}_d` is short for `a_b_d` and `a_c_d`. */
function expand(name: string): string[] {
  const [, before = '', choices = '', after = ''] = /^(.*)\{(.*)\}(.*)$/.exec(name) ?? [];
  return choices === '' ? [name] : choices.split(',').map((choice) => `${before}${choice}${after}`);
}

test('docs/operations.md has every metric, and no other', async () => {
  const text = await readFile(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const [, section = ''] = text.split('\n## Metrics\n');
  const documented = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| (`[^|]*`) +\|/gm)]
    .flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].flatMap(([, name = '']) => expand(name)))
    .filter((name) => !name.startsWith('orchestrator_'));
  const system = await createSystemMetrics({
    readHost: readHostUsage,
    zones: () => undefined,
    readCounters: async () => undefined,
    bus: { connected: true },
  });
  const pages = await Promise.all([system.render(), renderResourceMetrics([])]);
  const told = pages
    .flatMap((page) => [...page.text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name))
    .filter((name) => !name.startsWith('orchestrator_'));
  expect(documented.toSorted()).toEqual(told.toSorted());
});
