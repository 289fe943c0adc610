import { setTimeout as delay } from 'node:timers/promises';
import { Code, ConnectError } from '@connectrpc/connect';
import { z } from 'zod';
import type { QmpClient } from './qmp.ts';

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

/** The same, and waits until the zone has that much. DEADLINE_EXCEEDED when it does not give or take it. */
export async function moveBalloon(qmp: QmpClient, memoryMib: number, signal: AbortSignal): Promise<void> {
  const until = performance.now() + balloonDeadlineMs;
  await aimBalloon(qmp, memoryMib, signal);
  for (;;) {
    const { actual } = await qmp.execute('query-balloon', actualSchema, {}, signal);
    if (actual === memoryMib * mebibyte) return;
    if (performance.now() > until) {
      const text = `the zone has ${Math.ceil(actual / mebibyte)} MiB of memory still, not ${memoryMib} MiB; its balloon goes on`;
      throw new ConnectError(text, Code.DeadlineExceeded);
    }
    await delay(lookMs, undefined, { signal });
  }
}
