import fc from 'fast-check';
import { expect, test } from 'vitest';
import { displayWidth, fitColumns, padColumns } from './display-width.ts';
import { printable } from './printable.ts';
import { renderTable } from './table.ts';

const texts = fc.string({ unit: 'grapheme' }).map(printable);

test.each([
  ['', 0],
  ['abc', 3],
  ['漢字', 4],
  ['é', 1],
  ['e\u0301', 1],
  ['👩‍👩‍👧', 2],
  ['\u200b', 0],
])('%j takes %d columns', (text, columns) => {
  expect(displayWidth(text)).toBe(columns);
});

test('a fitted text is never wider than its room, and whole where it fits', () => {
  fc.assert(
    fc.property(texts, fc.nat({ max: 40 }), (text, columns) => {
      const fitted = fitColumns(text, columns);
      expect(displayWidth(fitted)).toBeLessThanOrEqual(columns);
      if (displayWidth(text) <= columns) expect(fitted).toBe(text);
      expect(displayWidth(padColumns(fitted, columns))).toBe(columns);
    }),
  );
});

test('every line of a table is as wide as the others, with and without colours', () => {
  const cell = fc.record({ text: texts, colour: fc.constantFrom('red' as const, 'green' as const) });
  fc.assert(
    fc.property(
      fc
        .array(texts, { minLength: 1, maxLength: 5 })
        .chain((header) =>
          fc.tuple(
            fc.constant(header),
            fc.array(fc.array(cell, { minLength: header.length, maxLength: header.length })),
          ),
        ),
      ([header, rows]) => {
        const plain = renderTable(header, rows, false).trimEnd().split('\n');
        expect(new Set(plain.map(displayWidth)).size).toBe(1);
        const coloured = renderTable(header, rows, true).trimEnd().split('\n');
        expect(coloured.map(withoutColours)).toEqual(plain);
      },
    ),
  );
});

function withoutColours(text: string): string {
  return text.replaceAll('\x1b[31m', '').replaceAll('\x1b[32m', '').replaceAll('\x1b[39m', '');
}
