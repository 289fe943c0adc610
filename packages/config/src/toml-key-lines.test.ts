import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { expect, test } from 'vitest';
import { tomlKeyLines } from './toml-key-lines.ts';

test('a key is found on its own line below tables, arrays over lines and multi-line strings', () => {
  const text = [
    'top = """', // 1
    '[not.a.table]', // 2
    'x = 1 """', // 3
    '# comment = 1', // 4
    '[a."b.c"]', // 5
    'list = [', // 6
    "  'one # [', # ]", // 7
    '  "two\\"",', // 8
    ']', // 9
    'after = { inline = 1 }', // 10
    'dotted.key = 3', // 11
  ].join('\n');
  const lineOf = tomlKeyLines(text);
  expect(lineOf(['top'])).toBe(1);
  expect(lineOf(['a', 'b.c'])).toBe(5);
  expect(lineOf(['a', 'b.c', 'list', 1])).toBe(6);
  expect(lineOf(['a', 'b.c', 'after', 'inline'])).toBe(10);
  expect(lineOf(['a', 'b.c', 'dotted', 'key'])).toBe(11);
  expect(lineOf(['not'])).toBeUndefined();
});

test('every key of any document that the parser accepts has a line, and no text makes the scan hang', () => {
  const value = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.integer(),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.dictionary(fc.string({ minLength: 1 }), fc.string(), { maxKeys: 3 }),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), value, { noNullPrototype: true }), (document) => {
      const text = stringify(document);
      const parsed = parse(text);
      const lineOf = tomlKeyLines(text);
      for (const key of Object.keys(parsed)) expect(lineOf([key])).toBeGreaterThan(0);
    }),
    { numRuns: 300 },
  );
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('[', ']', '=', '"', "'", '\n', 'a', '.', '#') }),
      (text) => {
        tomlKeyLines(text);
      },
    ),
  );
});
