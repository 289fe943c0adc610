import { describe, expect, it } from 'vitest';
import type { Change } from '../state/change.ts';
import type { ZoneStatus } from '../state/zone-record.ts';
import { zoneRecordOf } from '../zones/test-zone.ts';
import { createWatchHub, watchersMax, watchQueueMax } from './watch-hub.ts';

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

  it('gives a slow reader the newest state of every object, and never loses a last one', async () => {
    const hub = createWatchHub();
    const watching = hub.watch(new AbortController().signal);
    const zones = Array.from({ length: 3 }, () => zoneRecordOf());
    for (let i = 0; i < watchQueueMax; i++) {
      for (const zone of zones) hub.publish(changeOf(zone, { state: 'ready' }));
    }
    for (const zone of zones) hub.publish(changeOf(zone, { state: 'destroyed' }));
    const taken = await take(watching, watchQueueMax);
    const last = zones.map(({ id }) => taken.findLast(({ record }) => record.id === id)?.record.status.state);
    expect(last).toEqual(['destroyed', 'destroyed', 'destroyed']);
  });

  it('wakes a reader that waits', async () => {
    const hub = createWatchHub();
    const next = hub.watch(new AbortController().signal).next();
    const zone = zoneRecordOf();
    hub.publish(changeOf(zone, { state: 'failed', message: 'why' }));
    expect((await next).value).toMatchObject({ record: { id: zone.id } });
  });

  it('counts its readers, and forgets those that went', () => {
    const hub = createWatchHub();
    const abort = new AbortController();
    for (let i = 0; i < watchersMax; i++) hub.watch(abort.signal);
    expect(hub.full).toBe(true);
    abort.abort();
    expect(hub.full).toBe(false);
  });
});
