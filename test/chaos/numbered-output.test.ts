import { expect, test } from 'vitest';
import { countLines } from './numbered-output.ts';

test('a whole output has all its lines and its end', () => {
  expect(countLines('line 1\nline 2\nlast 2\n', true)).toBe(2);
  expect(countLines('last 0\n', true)).toBe(0);
});

test('an output may be cut at any byte while more may follow', () => {
  const output = 'line 1\nline 2\nlast 2\n';
  for (let at = 0; at <= output.length; at++) countLines(output.slice(0, at), false);
  expect(countLines('line 1\nlin', false)).toBe(1);
});

test.each([
  ['a lost line', 'line 1\nline 3\n', /line 2 of the output is "line 3"/],
  ['a doubled line', 'line 1\nline 1\n', /line 2 of the output is "line 1"/],
  ['a lost piece of a line', 'line 1\nli 2\n', /line 2 of the output is "li 2"/],
  ['lost last lines', 'line 1\nlast 2\n', /has 1 lines and ends with "last 2"/],
  ['something else at the end', 'line 1\nfoo', /after line 1 the output has "foo"/],
  ['more after the end', 'line 1\nlast 1\nl', /after line 1 the output has "l"/],
])('%s is told', (_, output, message) => {
  expect(() => countLines(output, false)).toThrow(message);
});

test('a whole output that stops early is told', () => {
  expect(() => countLines('line 1\n', true)).toThrow(/stops after line 1/);
  expect(() => countLines('line 1\nlast 1\nl', true)).toThrow(/stops after line 1/);
});
