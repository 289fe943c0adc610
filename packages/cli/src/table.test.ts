import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyValueLine } from './key-value.ts';
import { renderTable } from './table.ts';

test('a table has box-drawing lines and columns as wide as their widest cell', () => {
  const rows = [
    [{ text: 'web' }, { text: 'ready', colour: 'green' as const }],
    [{ text: '漢字' }, { text: 'failed', colour: 'red' as const }],
  ];
  expect(renderTable(['name', 'state'], rows, false)).toBe(
    [
      '┌──────┬────────┐',
      '│ name ┆ state  │',
      '╞══════╪════════╡',
      '│ web  ┆ ready  │',
      '│ 漢字 ┆ failed │',
      '└──────┴────────┘',
      '',
    ].join('\n'),
  );
  expect(renderTable(['name', 'state'], rows, true)).toContain('\x1b[32mready \x1b[39m');
});

test('no cell moves the cursor or adds a line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const table = renderTable(['name'], [[{ text }]], false);
      expect(table.split('\n')).toHaveLength(6);
      expect(table.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    }),
  );
});

test('key-value shows every leaf with its dotted path, quoted, on one line', () => {
  const value = { id: 'a', spec: { names: ['x', 'y"z'], empty: {} }, count: 2, text: 'two\nlines\\' };
  expect(keyValueLine(value)).toBe(
    'id="a" spec.names.0="x" spec.names.1="y\\"z" count="2" text="two\\nlines\\\\"',
  );
});
