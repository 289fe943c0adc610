import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { keyValueLine } from './key-value.ts';
import { jsonText, structured } from './output-format.ts';
import { printable } from './printable.ts';

/** What moves a cursor, ends a line or turns the direction of writing around. */
const dangerous = /[\p{Cc}\p{Zl}\p{Zp}]/u;

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'\x07\x1b\x7f\x85\x9b\u2028\u2029\n\r\t"\'\\:#-=.a ') }),
);

const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null)),
    fc.array(tie('json')),
    fc.dictionary(text, tie('json'), { noNullPrototype: true }),
  ),
}));

test('JSON means what was given, and shows no control character', () => {
  fc.assert(
    fc.property(json, (value) => {
      const text = jsonText(value);
      expect(JSON.parse(text)).toEqual(value);
      expect(text).not.toMatch(dangerous);
    }),
  );
});

test('YAML reads back as the same, and shows no control character but tabs and line ends', async () => {
  await fc.assert(
    fc.asyncProperty(json, async (value) => {
      const text = await structured(value, 'yaml');
      expect(parse(text)).toEqual(value);
      expect(text.replaceAll(/[\n\t]/g, '')).not.toMatch(dangerous);
    }),
  );
});

test('a line of key-value tells every leaf, with nothing that could be read in two ways', () => {
  fc.assert(
    fc.property(json, (value) => {
      const line = keyValueLine(value);
      expect(line).not.toMatch(dangerous);
      expect(readBack(line)).toEqual(leaves(value, []));
    }),
  );
});

test('what is printed of foreign text stays on its line and keeps its direction', () => {
  fc.assert(
    fc.property(text, (foreign) => {
      expect(printable(foreign)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
    }),
  );
});

/** Reads a line as any program would: names are plain or quoted, joined by dots; values are quoted. */
function readBack(line: string): [string, string][] {
  const quoted = /"(?:[^"\\]|\\.)*"/.source;
  const name = `(?:[\\w./:@-]+|${quoted})`;
  const pair = new RegExp(`((?:${name}(?:\\.${name})*)?)=(${quoted})(?: |$)`, 'y');
  const pairs: [string, string][] = [];
  while (pair.lastIndex < line.length) {
    const found = pair.exec(line);
    if (found === null) throw new Error(`not key-value: ${line}`);
    const path = (found[1] ?? '').replaceAll(new RegExp(quoted, 'g'), (name) => JSON.parse(name));
    pairs.push([path, JSON.parse(found[2] ?? '')]);
  }
  return pairs;
}

function leaves(value: unknown, path: readonly string[]): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path.join('.'), String(value)]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}
