import { expect, test } from 'vitest';
import { isDiskFull } from './disk-full.ts';

test.each([
  Object.assign(new Error('write failed'), { code: 'ENOSPC' }),
  new Error('/state/db/daemon.db: database or disk is full'),
  new Error('mksquashfs ended with 1: No space left on device'),
  new Error('the image could not be packed', { cause: Object.assign(new Error('x'), { code: 'EDQUOT' }) }),
])('a full disk is known by $message', (error) => {
  expect(isDiskFull(error)).toBe(true);
});

test('nothing else is a full disk', () => {
  const loop = new Error('loop');
  loop.cause = loop;
  for (const error of [loop, new Error('database is locked'), 'ENOSPC', undefined]) {
    expect(isDiskFull(error)).toBe(false);
  }
});
