import { Code, ConnectError } from '@connectrpc/connect';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { keepTrying } from './keep-trying.ts';

const logger = pino({ level: 'silent' });
const full = () => new Error('daemon.db: database or disk is full');

test('what could not be stored is tried again until it is', async () => {
  let tries = 0;
  const work = async () => {
    tries += 1;
    if (tries < 3) throw full();
  };
  await keepTrying('an exit', work, { logger, signal: new AbortController().signal });
  expect(tries).toBe(3);
});

test('an answer is final', async () => {
  const refusal = new ConnectError('there is no workload', Code.NotFound);
  const trying = keepTrying('an exit', () => Promise.reject(refusal), {
    logger,
    signal: new AbortController().signal,
  });
  await expect(trying).rejects.toBe(refusal);
});

test('an answer is tried again where nothing counts as one', async () => {
  let tries = 0;
  const work = async () => {
    tries += 1;
    if (tries < 2) throw new ConnectError('the zone closed the channel', Code.Unavailable);
  };
  const { signal } = new AbortController();
  await keepTrying('a destroy', work, { logger, signal, isAnswer: () => false });
  expect(tries).toBe(2);
});

test('nothing is tried again after the signal', async () => {
  const abort = new AbortController();
  let tries = 0;
  const work = async () => {
    tries += 1;
    abort.abort();
    throw full();
  };
  await keepTrying('an exit', work, { logger, signal: abort.signal });
  expect(tries).toBe(1);
});
