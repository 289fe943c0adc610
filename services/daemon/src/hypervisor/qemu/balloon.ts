import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { z } from 'zod';
import { type QmpClient, QmpError } from './qmp.ts';

/** Milliseconds for a zone to give memory back, or to take it. */
const balloonDeadlineMs = 30_000;

/** Milliseconds between two looks; QEMU tells of changes too, but once a second at most. */
const lookMs = 20;

const mebibyte = 1024 * 1024;
const actualSchema = z.looseObject({ actual: z.number() });

/** Says how much memory the zone shall have, before or while it runs; the zone follows in its own time. */
export async function aimBalloon(qmp: QmpClient, memoryMib: number, signal: AbortSignal): Promise<void> {
  await qmp.execute('balloon', z.unknown(), { value: memoryMib * mebibyte }, signal);
}

/** What the zone has beside its balloon, MiB, which need not be a whole number. FAILED_PRECONDITION without a balloon. */
export async function readBalloonMib(qmp: QmpClient, signal: AbortSignal): Promise<number> {
  try {
    const { actual } = await qmp.execute('query-balloon', actualSchema, {}, signal);
    return actual / mebibyte;
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    const text = 'the zone was started without a balloon; launch it anew to change its memory';
    throw new ConnectError(text, Code.FailedPrecondition, undefined, undefined, error);
  }
}

/** Has the zone follow, and waits until the zone has that much. DEADLINE_EXCEEDED when it does not give or take it. */
export async function moveBalloon(qmp: QmpClient, memoryMib: number, signal: AbortSignal): Promise<void> {
  const until = performance.now() + balloonDeadlineMs;
  await aimBalloon(qmp, memoryMib, signal);
  for (;;) {
    const nowMib = await readBalloonMib(qmp, signal);
    if (nowMib === memoryMib) return;
    if (performance.now() > until) {
      const text = `the zone has ${Math.ceil(nowMib)} MiB of memory still, not ${memoryMib} MiB; its balloon goes on`;
      throw new ConnectError(text, Code.DeadlineExceeded);
    }
    await delay(lookMs, undefined, { signal });
  }
}
