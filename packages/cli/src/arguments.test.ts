import { expect, test } from 'vitest';
import { bindMount, collect, commandWords, countUpTo, keyValue, positive } from './arguments.ts';
import { commandName, connectionOption } from './program.ts';

test('numbers are whole, in decimal and within their range', () => {
  expect(positive(8)('8')).toBe(8);
  for (const text of ['0', '9', '-1', '1.5', '1e3', ' 1', '', '0x4', '99999999999999999999']) {
    expect(() => positive(8)(text)).toThrow('It must be a whole number from 1 to 8.');
  }
  expect(countUpTo(8)('0')).toBe(0);
});

test('environment variables keep further equal signs and may be empty', () => {
  expect(keyValue('A=b=c')).toEqual({ key: 'A', value: 'b=c' });
  expect(keyValue('A=')).toEqual({ key: 'A', value: '' });
  expect(() => keyValue('=b')).toThrow('Write it as KEY=value.');
  expect(collect(keyValue)('B=2', [{ key: 'A', value: '1' }])).toHaveLength(2);
});

test('a bind mount has two absolute paths', () => {
  expect(bindMount('/a:/b')).toEqual({ hostPath: '/a', targetPath: '/b' });
  for (const text of ['/a', 'a:/b', '/a:b', '/a:/b:ro']) expect(() => bindMount(text)).toThrow();
});

test('a separating -- before a command is no part of it', () => {
  expect(commandWords(['--', 'ls', '--', '-l'])).toEqual(['ls', '--', '-l']);
  expect(commandWords(['ls', '-l'])).toEqual(['ls', '-l']);
});

test('the connection is read where it stands before the command only', () => {
  expect(connectionOption(['-c', 'unix:///a', 'zone', 'list'])).toBe('unix:///a');
  expect(connectionOption(['--connection=unix:///a', 'zone', 'list'])).toBe('unix:///a');
  expect(connectionOption(['-cunix:///a', 'zone', 'list'])).toBe('unix:///a');
  expect(connectionOption(['zone', 'launch', '-c', '2'])).toBeUndefined();
  expect(connectionOption([])).toBeUndefined();
});

test('a failure is said to be of the command without its options', () => {
  expect(commandName(['-c', 'unix:///a', 'zone', 'list', 'web'])).toBe('zone list');
  expect(commandName(['zone', 'web'])).toBe('zone');
  expect(commandName(['constructor', 'x'])).toBe('protect');
  expect(commandName([])).toBe('protect');
});
