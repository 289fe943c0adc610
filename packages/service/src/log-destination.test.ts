import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logDestination } from './log-destination.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'protect-log-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('a line is there when the call that logs it returns', () => {
  const path = join(folder, 'log');
  const fd = openSync(path, 'w');
  pino({ base: null, timestamp: false }, logDestination(fd)).info('here');
  expect(readFileSync(path, 'utf8')).toBe('{"level":30,"msg":"here"}\n');
  closeSync(fd);
});

test('a full disk neither throws nor ends the process, however much is logged', () => {
  const fd = openSync('/dev/full', 'w');
  const logger = pino(logDestination(fd));
  for (let line = 0; line < 100; line++) logger.error('x'.repeat(100_000));
  closeSync(fd);
});

test('lines that could not be written come with the next one, whole and in order', () => {
  const path = join(folder, 'later');
  const full = openSync('/dev/full', 'w');
  const destination = logDestination(full);
  const logger = pino({ base: null, timestamp: false }, destination);
  logger.info('first');
  logger.info('second');
  const roomy = openSync(path, 'w');
  Object.assign(destination, { fd: roomy });
  logger.info('third');
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['first', 'second', 'third']);
  closeSync(full);
  closeSync(roomy);
});
