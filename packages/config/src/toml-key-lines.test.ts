import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { expect, test } from 'vitest';
import { tomlKeyLines } from './toml-key-lines.ts';

/** The line of the place that is `path` itself. */
function lineOf(text: string, path: readonly (string | number)[]): number | undefined {
  const wanted = JSON.stringify(path);
  return tomlKeyLines(text).find((place) => place.isItself && JSON.stringify(place.path) === wanted)?.line;
}

test('keys and elements are found below tables, over lines, in strings, inline tables and arrays of tables', () => {
  const text = [
    'top = """', // 1
    '[not.a.table]', // 2
    'x = 1 """', // 3
    '# comment = 1', // 4
    '[a."b.c"]', // 5
    'list = [ # [', // 6
    "  'one # [', # ]", // 7
    '  "two\\"",', // 8
    ']', // 9
    'after = { inline = 1 }', // 10
    'dotted . key = 3', // 11
    'wide = {', // 12
    '  "\\u0061" = [', // 13
    '    1979-05-27 07:32:00, { deep = true }', // 14
    '  ],', // 15
    '}', // 16
    '[[many]]', // 17
    'x = 1', // 18
    '[[many]]', // 19
    'x = 2', // 20
  ].join('\r\n');
  expect(() => parse(text)).not.toThrow();
  const table = ['a', 'b.c'];
  expect(lineOf(text, ['top'])).toBe(1);
  expect(lineOf(text, ['not', 'a', 'table'])).toBeUndefined();
  expect(lineOf(text, table)).toBe(5);
  expect(lineOf(text, [...table, 'list'])).toBe(6);
  expect(lineOf(text, [...table, 'list', 1])).toBe(8);
  expect(lineOf(text, [...table, 'after', 'inline'])).toBe(10);
  expect(lineOf(text, [...table, 'dotted', 'key'])).toBe(11);
  expect(lineOf(text, [...table, 'wide', 'a'])).toBe(13);
  expect(lineOf(text, [...table, 'wide', 'a', 1, 'deep'])).toBe(14);
  expect(lineOf(text, ['many', 1, 'x'])).toBe(20);
});

test('every key of any document that the parser accepts has a place', () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.boolean(),
    fc.integer(),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.array(fc.dictionary(fc.string({ minLength: 1 }), fc.integer(), { maxKeys: 3 }), { maxLength: 3 }),
    fc.dictionary(fc.string({ minLength: 1 }), fc.string({ unit: 'binary' }), { maxKeys: 3 }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), value, { noNullPrototype: true }), (document) => {
      const text = stringify(document);
      const places = new Set(tomlKeyLines(text).map(({ path }) => JSON.stringify(path)));
      for (const path of pathsOf(parse(text), [])) expect(places).toContain(JSON.stringify(path));
    }),
    { numRuns: 300 },
  );
});

test('no text makes the scan hang or throw', () => {
  const unit = fc.constantFrom('[', ']', '{', '}', '=', '"', "'", ',', '\n', 'a', '.', '#', '\\');
  fc.assert(
    fc.property(fc.string({ unit }), (text) => {
      tomlKeyLines(text);
    }),
    { numRuns: 1_000 },
  );
});

function* pathsOf(
  value: unknown,
  path: readonly (string | number)[],
): Generator<readonly (string | number)[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const below = [...path, Array.isArray(value) ? Number(key) : key];
    yield below;
    yield* pathsOf(inner, below);
  }
}
