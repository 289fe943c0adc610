import { expect, it } from 'vitest';
import { createGate } from './gate.ts';

it('lets in as many as it may, in order, and goes on after a failure', async () => {
  const gate = createGate(2);
  const order: string[] = [];
  const ends = new Map<string, () => void>();
  const work = (name: string) =>
    gate(async () => {
      order.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      if (name === 'b') throw new Error('b failed');
    });
  const all = ['a', 'b', 'c', 'd'].map(work);
  await Promise.resolve();
  expect(order).toEqual(['a', 'b']);
  ends.get('b')?.();
  await expect(all[1]).rejects.toThrow('b failed');
  await Promise.resolve();
  expect(order).toEqual(['a', 'b', 'c']);
  ends.get('a')?.();
  await all[0];
  await Promise.resolve();
  expect(order).toEqual(['a', 'b', 'c', 'd']);
  for (const end of ends.values()) end();
  await Promise.allSettled(all);
});
