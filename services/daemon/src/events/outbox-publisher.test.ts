import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { OutboxRow } from '../state/state.ts';
import { startOutboxPublisher } from './outbox-publisher.ts';

const logger = pino({ level: 'silent' });

function outbox(count: number) {
  let rows: OutboxRow[] = Array.from({ length: count }, (_, i) => ({
    sequence: i + 1,
    kind: 'zone',
    objectId: 'id',
    state: 'ready',
    event: '{}',
  }));
  const empty = Promise.withResolvers<void>();
  return {
    empty: empty.promise,
    rows: () => rows,
    state: {
      readOutbox: async (limit: number) => rows.slice(0, limit),
      async forgetOutbox(upTo: number) {
        rows = rows.filter(({ sequence }) => sequence > upTo);
        if (rows.length === 0) empty.resolve();
      },
      async trimOutbox(keep: number) {
        const before = rows.length;
        rows = rows.slice(-keep);
        return before - rows.length;
      },
    },
  };
}

describe('outbox publisher', () => {
  it('publishes every event in order and forgets it then', async () => {
    const box = outbox(250);
    const published: number[] = [];
    await using publisher = startOutboxPublisher({
      state: box.state,
      publish: async ({ sequence }) => void published.push(sequence),
      logger,
    });
    publisher.wake();
    await box.empty;
    expect(published).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
  });

  it('keeps events while publishing fails, and forgets only what the stream has', async () => {
    const box = outbox(5);
    const failed = Promise.withResolvers<void>();
    let attempts = 0;
    const published: number[] = [];
    await using _ = startOutboxPublisher({
      state: box.state,
      async publish({ sequence }) {
        attempts += 1;
        if (attempts === 3) {
          failed.resolve();
          throw new Error('the stream is away');
        }
        published.push(sequence);
      },
      logger,
    });
    await failed.promise;
    await box.empty;
    expect(published).toEqual([1, 2, 3, 4, 5]);
  });
});
