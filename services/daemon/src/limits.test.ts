import { readFile } from 'node:fs/promises';
import * as busLimits from '@protect/bus/limits';
import { expect, test } from 'vitest';
import * as idmLimits from './idm/limits.ts';
import * as limits from './limits.ts';

test('docs/limits.md has every limit of the daemon and the bus, with its value', async () => {
  const text = await readFile(new URL('../../../docs/limits.md', import.meta.url), 'utf8');
  const rows = new Map(
    [...text.matchAll(/^\| `(\w+)` +\| ([\d,]+) /gm)].map(([, name, value]) => [
      name,
      Number(value?.replaceAll(',', '')),
    ]),
  );
  for (const [name, value] of Object.entries({ ...limits, ...idmLimits, ...busLimits })) {
    if (typeof value === 'number') expect([name, rows.get(name)]).toEqual([name, value]);
  }
});
