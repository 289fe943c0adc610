import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shellWords } from './shell-words.ts';

const argument = fc.oneof(
  fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
  fc.constantFrom(
    '',
    ' ',
    "'",
    '"',
    '\\',
    '$HOME',
    '`id`',
    '*',
    '-',
    '--',
    '\n',
    '~',
    '#',
    '!',
    'a=b',
    "it's",
  ),
);

test('a shell reads back the arguments that were quoted for it', () => {
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), (argv) => {
      const line = `printf '%s\\0' begin ${shellWords(argv)}`;
      const output = execFileSync('sh', ['-c', line], { encoding: 'utf8' });
      expect(output.split('\0').slice(1, -1)).toEqual(argv);
    }),
    { numRuns: 200 },
  );
});

test('an argument with a NUL byte is refused: no process can be given it', () => {
  expect(() => shellWords(['a\0b'])).toThrow('NUL');
});
