import { newWorkloadId } from '@protect/config/ids';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createDepartures } from './departures.ts';

function departures(failures: number) {
  const running: Promise<unknown>[] = [];
  let attempts = 0;
  const depart = createDepartures({
    attempt: async () => {
      attempts += 1;
      if (attempts <= failures) throw new Error('the zone closed the channel');
    },
    logger: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    background: (_, work) => running.push(work),
  });
  return { depart, running, attempts: () => attempts };
}

test('a workload that goes at once is tried once', async () => {
  const { depart, running, attempts } = departures(0);
  await depart(newWorkloadId());
  await Promise.all(running);
  expect(attempts()).toBe(1);
});

test('a caller is told of the attempt that failed, and the workload goes all the same', async () => {
  const { depart, running, attempts } = departures(1);
  await expect(depart(newWorkloadId())).rejects.toThrow('the zone closed the channel');
  await Promise.all(running);
  expect(attempts()).toBe(2);
});

test('callers that ask again have an attempt of their own and begin no second series', async () => {
  const { depart, running } = departures(3);
  const id = newWorkloadId();
  const asked = await Promise.allSettled([depart(id), depart(id), depart(id)]);
  expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  expect(running).toHaveLength(1);
  await Promise.all(running);
});
