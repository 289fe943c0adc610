import { expect, test } from 'vitest';
import { createLocks } from './locks.ts';

function gate() {
  return Promise.withResolvers<void>();
}

test('locks: shared operations of one key run together, an exclusive one waits for all of them', async () => {
  const locks = createLocks();
  const order: string[] = [];
  const [a, b] = [gate(), gate()];
  const first = locks.shared('zone', async () => {
    order.push('a starts');
    await a.promise;
    order.push('a ends');
  });
  const second = locks.shared('zone', async () => {
    order.push('b starts');
    await b.promise;
    order.push('b ends');
  });
  const alone = locks.exclusive('zone', async () => {
    order.push('alone');
  });
  const after = locks.shared('zone', async () => {
    order.push('after');
  });
  b.resolve();
  await second;
  a.resolve();
  await Promise.all([first, alone, after]);
  expect(order).toEqual(['a starts', 'b starts', 'b ends', 'a ends', 'alone', 'after']);
});

test('locks: an operation that fails lets the next one in', async () => {
  const locks = createLocks();
  const failed = locks.exclusive('zone', () => Promise.reject(new Error('disk full')));
  const next = locks.exclusive('zone', async () => 'done');
  await expect(failed).rejects.toThrow('disk full');
  await expect(next).resolves.toBe('done');
});

test('locks: different keys do not wait for each other', async () => {
  const locks = createLocks();
  const held = gate();
  const slow = locks.exclusive('one', () => held.promise);
  await expect(locks.exclusive('two', async () => 'free')).resolves.toBe('free');
  held.resolve();
  await slow;
});
