import { Code } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchBacklog, watchersMax, watchPendingMax, watchStallMs } from '../limits.ts';
import type { Change } from '../state/change.ts';
import type { ZoneStatus } from '../state/zone-record.ts';
import { zoneRecordOf } from '../zones/test-zone.ts';
import { createWatchHub } from './watch-hub.ts';

const changeOf = (record: ReturnType<typeof zoneRecordOf>, status: ZoneStatus): Change => ({
  kind: 'zone',
  record: { ...record, status },
});

async function take(watching: AsyncGenerator<Change>, count: number): Promise<Change[]> {
  const taken: Change[] = [];
  while (taken.length < count) {
    const { done, value } = await watching.next();
    if (done === true) break;
    taken.push(value);
  }
  return taken;
}

const exhausted = { code: Code.ResourceExhausted };
let forever = new AbortController();

beforeEach(() => {
  vi.useFakeTimers();
  forever = new AbortController();
});

afterEach(() => {
  forever.abort();
  vi.useRealTimers();
});

describe('watch hub', () => {
  it('gives a reader every change from the moment it watches, in order', async () => {
    const hub = createWatchHub();
    const abort = new AbortController();
    const watching = hub.watch(abort.signal);
    const zone = zoneRecordOf();
    hub.publish(changeOf(zone, { state: 'creating' }));
    hub.publish(changeOf(zone, { state: 'created' }));
    hub.publish(changeOf(zone, { state: 'ready' }));
    const states = (await take(watching, 3)).map(({ record }) => record.status.state);
    expect(states).toEqual(['creating', 'created', 'ready']);
    abort.abort();
    expect(await watching.next()).toMatchObject({ done: true });
  });

  it('gives a slow reader the newest state of every object and all final ones, and nothing else', async () => {
    const hub = createWatchHub();
    const watching = hub.watch(forever.signal);
    const zones = Array.from({ length: 3 }, () => zoneRecordOf());
    for (let i = 0; i < watchBacklog; i++) {
      for (const zone of zones) hub.publish(changeOf(zone, { state: 'ready' }));
    }
    for (const zone of zones) hub.publish(changeOf(zone, { state: 'failed', message: 'why' }));
    for (const zone of zones) hub.publish(changeOf(zone, { state: 'destroying' }));
    const taken = await take(watching, 6);
    expect(taken.map(({ record }) => record.status.state)).toEqual([
      ...['failed', 'failed', 'failed'],
      ...['destroying', 'destroying', 'destroying'],
    ]);
  });

  it('wakes a reader that waits', async () => {
    const hub = createWatchHub();
    const next = hub.watch(forever.signal).next();
    const zone = zoneRecordOf();
    hub.publish(changeOf(zone, { state: 'failed', message: 'why' }));
    expect((await next).value).toMatchObject({ record: { id: zone.id } });
  });

  it('ends a reader that takes nothing for a minute, and frees what waits for it', async () => {
    const hub = createWatchHub();
    const watching = hub.watch(forever.signal);
    for (let i = 0; i < 3; i++) hub.publish(changeOf(zoneRecordOf(), { state: 'ready' }));
    await take(watching, 1);
    vi.advanceTimersByTime(watchStallMs - 1_000);
    await take(watching, 1);
    vi.advanceTimersByTime(watchStallMs - 1_000);
    expect(hub.watchers).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(hub.watchers).toBe(0);
    await expect(watching.next()).rejects.toMatchObject(exhausted);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves a reader alone for whom there is nothing', async () => {
    const hub = createWatchHub();
    const watching = hub.watch(forever.signal);
    hub.publish(changeOf(zoneRecordOf(), { state: 'ready' }));
    await take(watching, 1);
    const next = watching.next();
    vi.advanceTimersByTime(10 * watchStallMs);
    expect(hub.watchers).toBe(1);
    hub.publish(changeOf(zoneRecordOf(), { state: 'ready' }));
    expect(await next).toMatchObject({ done: false });
  });

  it('ends a reader for whom too much waits', async () => {
    const hub = createWatchHub();
    const watching = hub.watch(forever.signal);
    for (let i = 0; i <= watchPendingMax; i++) hub.publish(changeOf(zoneRecordOf(), { state: 'destroyed' }));
    expect(hub.watchers).toBe(0);
    await expect(watching.next()).rejects.toMatchObject(exhausted);
  });

  it('takes as many readers as it may have, and forgets those that went', () => {
    const hub = createWatchHub();
    const abort = new AbortController();
    for (let i = 0; i < watchersMax; i++) hub.watch(abort.signal);
    expect(() => hub.watch(forever.signal)).toThrow(expect.objectContaining(exhausted));
    abort.abort();
    expect(hub.watchers).toBe(0);
    hub.watch(forever.signal);
  });
});
